"""The virtual PIV card without a reader: APDUs in, APDUs out (SP 800-73-4, Yubico extensions)."""

from __future__ import annotations

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from hypothesis import example, given
from hypothesis import strategies as st

from custode_drivers.testing.apdu import Command, StatusWord, parse_tlv, tlv
from custode_drivers.testing.piv import (
    AUTHENTICATION,
    CARD_AUTHENTICATION,
    KEY_MANAGEMENT,
    MANAGEMENT,
    PIN,
    PUK,
    SIGNATURE,
    PivCard,
)
from custode_drivers.testing.piv_keys import Algorithm
from custode_drivers.testing.piv_secrets import DEFAULT_MANAGEMENT_KEY, ManagementAlgorithm
from custode_drivers.testing.vpcd import Signal

OK, BLOCKED, DENIED, WRONG = 0x9000, 0x6983, 0x6982, 0x6A80


class Host:
    """The other side of the card: whole commands and answers."""

    def __init__(self, card: PivCard | None = None) -> None:
        self.card = card or PivCard(serial=99)
        assert self.send(0xA4, 4, 0, bytes.fromhex("a000000308"))[0] == OK

    def send(self, ins: int, p1: int, p2: int, data: bytes = b"") -> tuple[int, bytes]:
        """Chains what is too long, and fetches what did not fit."""
        while len(data) > 255:
            part, data = data[:255], data[255:]
            assert self.card.process(bytes((0x10, ins, p1, p2, 255)) + part) == b"\x90\x00"
        body = bytes((len(data),)) + data if data else b""
        answer = self.card.process(bytes((0, ins, p1, p2)) + body + b"\0")
        whole = answer[:-2]
        while answer[-2] == 0x61:
            answer = self.card.process(bytes((0, 0xC0, 0, 0, answer[-1])))
            whole += answer[:-2]
        return int.from_bytes(answer[-2:]), whole

    def verify(self, pin: bytes = b"123456") -> int:
        return self.send(0x20, 0, PIN, pin.ljust(8, b"\xff"))[0]

    def manage(
        self,
        key: bytes = DEFAULT_MANAGEMENT_KEY,
        algorithm: ManagementAlgorithm = ManagementAlgorithm.TRIPLE_DES,
        *,
        mutual: bool = False,
    ) -> int:
        kind = TripleDES if algorithm is ManagementAlgorithm.TRIPLE_DES else AES
        cipher = Cipher(kind(key), ECB())  # noqa: S305 - one block, as PIV has it
        size = 8 if kind is TripleDES else 16
        if mutual:
            _, asked = self.send(0x87, algorithm, MANAGEMENT, tlv(0x7C, tlv(0x80, b"")))
            witness = cipher.decryptor().update(parse_tlv(parse_tlv(asked)[0x7C])[0x80])
            proof = tlv(0x7C, tlv(0x80, witness) + tlv(0x81, bytes(size)))
            sw, told = self.send(0x87, algorithm, MANAGEMENT, proof)
            if sw == OK:
                expected = cipher.encryptor().update(bytes(size))
                assert parse_tlv(parse_tlv(told)[0x7C])[0x82] == expected
            return sw
        _, asked = self.send(0x87, algorithm, MANAGEMENT, tlv(0x7C, tlv(0x81, b"")))
        response = cipher.encryptor().update(parse_tlv(parse_tlv(asked)[0x7C])[0x81])
        return self.send(0x87, algorithm, MANAGEMENT, tlv(0x7C, tlv(0x82, response)))[0]

    def generate(self, slot: int, algorithm: Algorithm = Algorithm.P256) -> int:
        return self.send(0x47, 0, slot, tlv(0xAC, tlv(0x80, bytes((algorithm,)))))[0]

    def use(self, slot: int, given: bytes = bytes(32)) -> tuple[int, bytes]:
        template = tlv(0x7C, tlv(0x82, b"") + tlv(0x81, given))
        return self.send(0x87, self.card.keys[slot].algorithm, slot, template)


@pytest.mark.parametrize(
    ("apdu", "data", "le"),
    [
        ("00200080", "", 256),
        ("0020008000", "", 256),
        ("0020008005", "", 5),
        ("00200080021122", "1122", 256),
        ("0020008002112203", "1122", 3),
        ("00200080000000", "", 0x10000),
        ("00200080000203", "", 0x0203),
        ("002000800000021122", "1122", 0x10000),
        ("0020008000000211220001", "1122", 1),
    ],
)
def test_the_forms_of_a_command(apdu: str, data: str, le: int) -> None:
    command = Command.parse(bytes.fromhex(apdu))
    assert command == Command(0, 0x20, 0, 0x80, bytes.fromhex(data), le)


@pytest.mark.parametrize("apdu", ["002000", "002000800311", "002000800111aabb", "0020008000ff"])
def test_lengths_that_do_not_fit(apdu: str) -> None:
    with pytest.raises(StatusWord, match="6700"):
        Command.parse(bytes.fromhex(apdu))


@given(st.dictionaries(st.sampled_from([0x53, 0x5C, 0x7F49, 0x5FC105]), st.binary(max_size=700)))
def test_tlv_there_and_back(objects: dict[int, bytes]) -> None:
    assert parse_tlv(b"".join(tlv(tag, value) for tag, value in objects.items())) == objects


@given(st.binary(max_size=300), st.booleans())
@example(bytes.fromhex("0087039b047c028100"), True)
def test_any_bytes_get_an_answer(command: bytes, is_manager: bool) -> None:
    host = Host()
    if is_manager:
        host.manage()
        host.verify()
    if command[1:2] != b"\x47":  # a key of RSA 4096 takes too long here
        assert len(host.card.process(command)) >= 2


@pytest.mark.parametrize("mutual", [True, False])
@pytest.mark.parametrize("algorithm", ManagementAlgorithm)
def test_every_kind_of_management_key(algorithm: ManagementAlgorithm, mutual: bool) -> None:
    size = {ManagementAlgorithm.AES_128: 16, ManagementAlgorithm.AES_256: 32}.get(algorithm, 24)
    key = bytes(range(1, size + 1))
    host = Host()
    replace = bytes((algorithm, MANAGEMENT, size)) + key
    assert host.send(0xFF, 0xFF, 0xFF, replace)[0] == DENIED
    assert host.manage(mutual=mutual) == OK
    assert host.send(0xFF, 0xFF, 0xFF, replace)[0] == OK
    host = Host(host.card)
    assert host.generate(AUTHENTICATION) == DENIED
    assert host.manage(bytes(size), algorithm, mutual=mutual) == DENIED
    assert host.manage(key, algorithm, mutual=mutual) == OK
    assert host.generate(AUTHENTICATION) == OK


def test_a_proof_is_not_taken_twice() -> None:
    host = Host()
    _, asked = host.send(0x87, 3, MANAGEMENT, tlv(0x7C, tlv(0x81, b"")))
    challenge = parse_tlv(parse_tlv(asked)[0x7C])[0x81]
    cipher = Cipher(TripleDES(DEFAULT_MANAGEMENT_KEY), ECB())  # noqa: S305 - as PIV has it
    response = cipher.encryptor().update(challenge)
    proof = tlv(0x7C, tlv(0x82, response))
    assert host.send(0x87, 3, MANAGEMENT, proof)[0] == OK
    host = Host(host.card)
    assert host.send(0x87, 3, MANAGEMENT, proof)[0] == DENIED


def test_the_pin_policies_of_the_slots() -> None:
    host = Host()
    host.manage()
    for slot in (AUTHENTICATION, SIGNATURE, CARD_AUTHENTICATION):
        host.generate(slot)
    assert host.use(CARD_AUTHENTICATION)[0] == OK, "never"
    assert host.use(AUTHENTICATION)[0] == DENIED
    host.verify()
    assert [host.use(AUTHENTICATION)[0] for _ in range(2)] == [OK, OK], "once"
    assert host.use(SIGNATURE)[0] == DENIED, "always, just before"
    host.verify()
    assert [host.use(SIGNATURE)[0] for _ in range(2)] == [OK, DENIED]


def test_a_try_is_taken_and_given_back() -> None:
    host = Host(PivCard(pin_tries=5, puk_tries=2))
    assert [host.verify(b"999999") for _ in range(2)] == [0x63C4, 0x63C3]
    assert host.send(0x20, 0, PIN)[0] == 0x63C3, "asking costs nothing"
    assert host.verify() == OK
    assert host.send(0x20, 0, PIN)[0] == OK
    assert host.card.pin_attempts_remaining == 5
    assert [host.verify(b"999999") for _ in range(5)] == [0x63C4, 0x63C3, 0x63C2, 0x63C1, BLOCKED]
    assert host.verify() == BLOCKED
    wrong = b"00000000" + b"111111\xff\xff"
    assert [host.send(0x2C, 0, PIN, wrong)[0] for _ in range(3)] == [0x63C1, BLOCKED, BLOCKED]


@pytest.mark.parametrize("new", [b"12345\xff\xff\xff", b"12\xff45678", b"1234567"])
def test_a_new_pin_that_is_none_is_refused(new: bytes) -> None:
    host = Host()
    assert host.send(0x24, 0, PIN, b"123456\xff\xff" + new)[0] == WRONG
    assert host.verify() == OK


def test_a_wrong_pin_ends_what_the_right_one_opened() -> None:
    host = Host()
    assert host.verify() == OK
    host.verify(b"999999")
    assert host.send(0x20, 0, PIN)[0] == 0x63C2


@pytest.mark.parametrize("signal", [Signal.OFF, Signal.ON, Signal.RESET])
def test_power_ends_everything_but_what_is_written(signal: Signal) -> None:
    host = Host()
    host.verify()
    host.manage()
    host.generate(AUTHENTICATION)
    host.card.signalled(signal)
    assert host.card.process(bytes.fromhex("00fd000000")) == bytes.fromhex("6985"), "not selected"
    host = Host(host.card)
    assert host.generate(SIGNATURE) == DENIED
    assert host.use(AUTHENTICATION)[0] == DENIED
    assert set(host.card.keys) == {AUTHENTICATION}


def test_a_long_object_goes_in_and_out_in_parts() -> None:
    host = Host()
    host.manage()
    value = tlv(0x70, bytes(range(256)) * 9) + b"\x71\x01\x00\xfe\x00"
    tag = tlv(0x5C, bytes.fromhex("5fc105"))
    assert host.send(0xDB, 0x3F, 0xFF, tag + tlv(0x53, value))[0] == OK
    assert host.send(0xCB, 0x3F, 0xFF, tag) == (OK, tlv(0x53, value))
    assert host.card.certificate(AUTHENTICATION) == bytes(range(256)) * 9
    assert host.send(0xDB, 0x3F, 0xFF, tag + tlv(0x53, b""))[0] == OK
    assert host.send(0xCB, 0x3F, 0xFF, tag)[0] == 0x6A82
    assert host.card.certificate(AUTHENTICATION) is None


def test_an_imported_key_is_that_key() -> None:
    host = Host()
    host.manage()
    private = ec.generate_private_key(ec.SECP256R1())
    scalar = tlv(6, private.private_numbers().private_value.to_bytes(32))
    assert host.send(0xFE, Algorithm.P256, KEY_MANAGEMENT, scalar)[0] == OK
    host.verify()
    digest = hashes.Hash(hashes.SHA256())
    digest.update(b"data")
    sw, told = host.use(KEY_MANAGEMENT, digest.finalize())
    assert sw == OK
    signature = parse_tlv(parse_tlv(told)[0x7C])[0x82]
    private.public_key().verify(signature, b"data", ec.ECDSA(hashes.SHA256()))
    sw, metadata = host.send(0xF7, 0, KEY_MANAGEMENT)
    assert parse_tlv(metadata)[3] == b"\x02", "imported"


def test_ecdh_with_a_key_of_the_card() -> None:
    host = Host()
    host.manage()
    host.generate(KEY_MANAGEMENT)
    host.verify()
    ours = ec.generate_private_key(ec.SECP256R1())
    card = host.card.keys[KEY_MANAGEMENT].private.public_key()
    assert isinstance(card, ec.EllipticCurvePublicKey)
    numbers = ours.public_key().public_numbers()
    point = b"\x04" + numbers.x.to_bytes(32) + numbers.y.to_bytes(32)
    asked = tlv(0x7C, tlv(0x82, b"") + tlv(0x85, point))
    sw, told = host.send(0x87, Algorithm.P256, KEY_MANAGEMENT, asked)
    assert sw == OK
    assert parse_tlv(parse_tlv(told)[0x7C])[0x82] == ours.exchange(ec.ECDH(), card)


def _rsa_parts(bits: int) -> dict[int, bytes]:
    numbers = rsa.generate_private_key(65537, bits).private_numbers()
    values = (numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)
    return {tag: value.to_bytes(bits // 16) for tag, value in enumerate(values, 1)}


@pytest.mark.parametrize(
    ("algorithm", "change"),
    [
        (Algorithm.RSA_2048, {}),  # it is one of 1024
        (Algorithm.RSA_1024, {3: b"\x03"}),
        (Algorithm.RSA_1024, {2: b"\x04"}),
        (Algorithm.P256, {}),
        (0x99, {}),
    ],
)
def test_parts_that_make_no_key_are_refused(algorithm: int, change: dict[int, bytes]) -> None:
    host = Host()
    host.manage()
    parts = _rsa_parts(1024) | change
    data = b"".join(tlv(tag, value) for tag, value in parts.items())
    assert host.send(0xFE, algorithm, AUTHENTICATION, data)[0] == WRONG
    assert host.card.keys == {}


def test_new_numbers_of_tries() -> None:
    host = Host()
    host.manage()
    assert host.send(0xFA, 8, 9)[0] == DENIED, "needs the PIN as well"
    host.verify()
    assert host.send(0xFA, 8, 9)[0] == OK
    assert (host.card.pin_attempts_remaining, host.card.puk_attempts_remaining) == (8, 9)
    assert parse_tlv(host.send(0xF7, 0, PUK)[1])[6] == bytes((9, 9))
