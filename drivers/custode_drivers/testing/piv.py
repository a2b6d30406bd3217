"""A virtual PIV card: SP 800-73-4 with the Yubico extensions that ykcs11 and yubico-piv-tool use.

    card = PivCard(serial=1001)
    pcscd.readers[0].insert(card)

PIN 123456, PUK 12345678, management key 0102…08 three times: as a new YubiKey. Keys made on the
card and imported ones, certificates and other data objects, counters, reset. Not there:
attestation, secure messaging, biometrics, touch.
"""

from __future__ import annotations

from typing import Final

from custode_drivers.testing import piv_keys
from custode_drivers.testing.apdu import (
    CONDITIONS_NOT_SATISFIED,
    INS_UNKNOWN,
    NOT_FOUND,
    REFERENCE_NOT_FOUND,
    SECURITY_NOT_SATISFIED,
    WRONG_DATA,
    WRONG_P1_P2,
    Chaining,
    Command,
    StatusWord,
    parse_tlv,
    refuse,
    tlv,
)
from custode_drivers.testing.piv_keys import Key, PinPolicy
from custode_drivers.testing.piv_secrets import (
    DEFAULT_PIN,
    DEFAULT_PUK,
    SECRET_BYTES,
    ManagementKey,
    ReferenceData,
)
from custode_drivers.testing.vpcd import Signal, VirtualCard

ATR: Final = bytes.fromhex("3bfd1300008131fe158073c021c057597562694b657940")  # of a YubiKey 5
_AID: Final = bytes.fromhex("a000000308")  # NIST's RID; the PIX follows
_PIX: Final = bytes.fromhex("000010000100")

PIN, PUK, MANAGEMENT = 0x80, 0x81, 0x9B
AUTHENTICATION, SIGNATURE, KEY_MANAGEMENT, CARD_AUTHENTICATION = 0x9A, 0x9C, 0x9D, 0x9E
KEY_SLOTS: Final = frozenset({0x9A, 0x9C, 0x9D, 0x9E, *range(0x82, 0x96)})
_CERTIFICATES: Final = {  # SP 800-73-4 part 1 table 3
    AUTHENTICATION: 0x5FC105,
    SIGNATURE: 0x5FC10A,
    KEY_MANAGEMENT: 0x5FC10B,
    CARD_AUTHENTICATION: 0x5FC101,
}
_CHUID, _DISCOVERY = 0x5FC102, 0x7E
_BEHIND_PIN: Final = frozenset({0x5FC103, 0x5FC109})  # fingerprints, printed information


class PivCard(VirtualCard):
    """A card and what is on it, for as long as this object lives."""

    def __init__(
        self,
        serial: int = 12345678,
        *,
        version: tuple[int, int, int] = (5, 4, 3),
        pin_tries: int = 3,
        puk_tries: int = 3,
    ) -> None:
        super().__init__(ATR)
        self.serial: Final = serial
        self.version: Final = version
        self._tries = (pin_tries, puk_tries)
        self.reset()

    def reset(self) -> None:
        """As it left the factory: no keys, no certificates, the first PIN and PUK."""
        self.pin = ReferenceData(DEFAULT_PIN, self._tries[0])
        self.puk = ReferenceData(DEFAULT_PUK, self._tries[1])
        self.management = ManagementKey()
        self.keys: dict[int, Key] = {}
        guid = b"Custode " + self.serial.to_bytes(8)
        self.objects: dict[int, bytes] = {
            # FASC-N of a card outside of the US government, GUID, expiry, no signature (§3.1.2)
            _CHUID: tlv(0x30, bytes.fromhex("d4e739da739ced39ce739d836858210842108421c84210c3eb"))
            + tlv(0x34, guid)
            + tlv(0x35, b"20400101")
            + tlv(0x3E, b"")
            + tlv(0xFE, b""),
        }
        self._forget()

    @property
    def pin_attempts_remaining(self) -> int:
        return self.pin.remaining

    @pin_attempts_remaining.setter
    def pin_attempts_remaining(self, remaining: int) -> None:
        self.pin.remaining = remaining

    @property
    def puk_attempts_remaining(self) -> int:
        return self.puk.remaining

    @puk_attempts_remaining.setter
    def puk_attempts_remaining(self, remaining: int) -> None:
        self.puk.remaining = remaining

    def certificate(self, slot: int) -> bytes | None:
        """The certificate in a slot, DER; None when there is none."""
        container = self.objects.get(_CERTIFICATES[slot])
        return None if container is None else parse_tlv(container).get(0x70)

    def install(self, slot: int, key: Key, certificate: bytes) -> None:
        """Have it carry a key and its certificate, DER, as if its issuer had put them there."""
        self.keys[slot] = key
        self.objects[_CERTIFICATES[slot]] = (
            tlv(0x70, certificate) + tlv(0x71, b"\0") + tlv(0xFE, b"")
        )

    # --- the card's side of the reader ---------------------------------------------------------

    def signalled(self, signal: Signal) -> None:
        self._forget()

    def process(self, command: bytes) -> bytes:
        try:
            return self._process(Command.parse(command))
        except StatusWord as refused:
            return refused.sw.to_bytes(2)

    def _forget(self) -> None:
        """What does not outlive a reset or a SELECT."""
        self._chaining = Chaining()
        self._selected = False
        self._verified = False
        self._fresh = False  # verified, and no key was used since
        self.management.forget()

    def _process(self, part: Command) -> bytes:
        if Chaining.asks_for_more(part):
            return self._chaining.more(part.le)
        command = self._chaining.complete(part)
        if command is None:
            return b"\x90\x00"
        return self._chaining.respond(self._answer(command), command.le)

    def _answer(self, command: Command) -> bytes:
        if command.ins == 0xA4:
            return self._select(command)
        if not self._selected:
            refuse(CONDITIONS_NOT_SATISFIED)
        match command.ins:
            case 0x20:
                return self._verify(command)
            case 0x24:
                return self._change_reference_data(command)
            case 0x2C:
                return self._reset_retry_counter(command)
            case 0x47:
                return self._generate(command)
            case 0x87:
                return self._authenticate(command)
            case 0xCB:
                return self._get_data(command)
            case 0xDB:
                return self._put_data(command)
            case _:
                return self._answer_yubico(command)

    def _answer_yubico(self, command: Command) -> bytes:
        match command.ins:
            case 0xF7:
                return self._metadata(command.p2)
            case 0xF8:
                return self.serial.to_bytes(4)
            case 0xFA:
                return self._set_tries(command)
            case 0xFB:
                return self._factory_reset()
            case 0xFD:
                return bytes(self.version)
            case 0xFE:
                return self._import(command)
            case 0xFF:
                self._require_management()
                self.management.replace(command.data)
                return b""
        raise StatusWord(INS_UNKNOWN)

    def _select(self, command: Command) -> bytes:
        if command.p1 != 4 or not command.data.startswith(_AID):
            refuse(NOT_FOUND)
        self._forget()
        self._selected = True
        return tlv(0x61, tlv(0x4F, _PIX) + tlv(0x79, tlv(0x4F, _AID)))

    # --- PIN and PUK (§3.2) --------------------------------------------------------------------

    def _verify(self, command: Command) -> bytes:
        if command.p2 != PIN:
            refuse(REFERENCE_NOT_FOUND)
        if command.p1 == 0xFF:
            self._verified = self._fresh = False
            return b""
        if not command.data:
            if not self._verified:
                self.pin.refuse_with_count()
            return b""
        if len(command.data) != SECRET_BYTES:
            refuse(WRONG_DATA)
        self._verified = self._fresh = False
        self.pin.check(command.data)
        self._verified = self._fresh = True
        return b""

    def _change_reference_data(self, command: Command) -> bytes:
        if len(command.data) != 2 * SECRET_BYTES:
            refuse(WRONG_DATA)
        reference = {PIN: self.pin, PUK: self.puk}.get(command.p2)
        if reference is None:
            refuse(REFERENCE_NOT_FOUND)
        reference.check(command.data[:SECRET_BYTES])
        reference.replace(command.data[SECRET_BYTES:])
        return b""

    def _reset_retry_counter(self, command: Command) -> bytes:
        if command.p2 != PIN or len(command.data) != 2 * SECRET_BYTES:
            refuse(WRONG_DATA)
        self.puk.check(command.data[:SECRET_BYTES])
        self.pin.replace(command.data[SECRET_BYTES:])
        return b""

    def _set_tries(self, command: Command) -> bytes:
        """Yubico: new numbers of tries, and with them the first PIN and PUK again."""
        self._require_management()
        if not self._verified:
            refuse(SECURITY_NOT_SATISFIED)
        self.pin = ReferenceData(DEFAULT_PIN, command.p1)
        self.puk = ReferenceData(DEFAULT_PUK, command.p2)
        return b""

    def _factory_reset(self) -> bytes:
        """Yubico: only when both PIN and PUK are blocked."""
        if self.pin.remaining or self.puk.remaining:
            refuse(CONDITIONS_NOT_SATISFIED)
        self.reset()
        self._selected = True
        return b""

    # --- data objects (§3.1.2, §3.3.1) ----------------------------------------------------------

    def _get_data(self, command: Command) -> bytes:
        tag = int.from_bytes(parse_tlv(command.data).get(0x5C) or refuse(WRONG_DATA))
        if tag == _DISCOVERY:
            return tlv(_DISCOVERY, tlv(0x4F, _AID + _PIX) + tlv(0x5F2F, b"\x40\x00"))
        if tag in _BEHIND_PIN and not self._verified:
            refuse(SECURITY_NOT_SATISFIED)
        if tag not in self.objects:
            refuse(NOT_FOUND)
        return tlv(0x53, self.objects[tag])

    def _put_data(self, command: Command) -> bytes:
        self._require_management()
        match parse_tlv(command.data):
            case {0x5C: tag, 0x53: b""}:
                self.objects.pop(int.from_bytes(tag), None)
            case {0x5C: tag, 0x53: value}:
                self.objects[int.from_bytes(tag)] = value
            case _:
                refuse(WRONG_DATA)
        return b""

    # --- keys -----------------------------------------------------------------------------------

    def _require_management(self) -> None:
        if not self.management.authenticated:
            refuse(SECURITY_NOT_SATISFIED)

    def _generate(self, command: Command) -> bytes:
        slot = self._writable_slot(command.p2)
        template = parse_tlv(parse_tlv(command.data).get(0xAC) or refuse(WRONG_DATA))
        algorithm = piv_keys.algorithm_of((template.get(0x80) or refuse(WRONG_DATA))[0])
        policy = piv_keys.policy_of(template, slot)
        self.keys[slot] = piv_keys.generate(algorithm, policy)
        return tlv(0x7F49, self.keys[slot].public_template())

    def _import(self, command: Command) -> bytes:
        slot = self._writable_slot(command.p2)
        algorithm = piv_keys.algorithm_of(command.p1)
        self.keys[slot] = piv_keys.import_key(algorithm, command.data, slot)
        return b""

    def _writable_slot(self, slot: int) -> int:
        self._require_management()
        if slot not in KEY_SLOTS:
            refuse(WRONG_P1_P2)
        return slot

    def _authenticate(self, command: Command) -> bytes:
        template = parse_tlv(parse_tlv(command.data).get(0x7C) or refuse(WRONG_DATA))
        if command.p2 == MANAGEMENT:
            return self.management.authenticate(command.p1, template)
        key = self.keys.get(command.p2) or refuse(REFERENCE_NOT_FOUND)
        if command.p1 != key.algorithm:
            refuse(WRONG_DATA)
        if (key.pin_policy is PinPolicy.ONCE and not self._verified) or (
            key.pin_policy is PinPolicy.ALWAYS and not self._fresh
        ):
            refuse(SECURITY_NOT_SATISFIED)
        self._fresh = False
        return key.authenticate(template)

    def _metadata(self, slot: int) -> bytes:
        """Yubico's GET METADATA: algorithm, policy, origin, public key; tries of PIN and PUK."""
        if slot == MANAGEMENT:
            known = bytes((self.management.is_default,))
            return tlv(1, bytes((self.management.algorithm,))) + tlv(2, b"\0\1") + tlv(5, known)
        if slot in {PIN, PUK}:
            secret = self.pin if slot == PIN else self.puk
            tries = bytes((secret.tries, secret.remaining))
            return tlv(1, b"\xff") + tlv(5, bytes((secret.is_default,))) + tlv(6, tries)
        key = self.keys.get(slot) or refuse(REFERENCE_NOT_FOUND)
        return (
            tlv(1, bytes((key.algorithm,)))
            + tlv(2, bytes((key.pin_policy, 1)))
            + tlv(3, bytes((key.origin,)))
            + tlv(4, key.public_template())
        )
