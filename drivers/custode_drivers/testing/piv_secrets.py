"""PIN, PUK and management key of a virtual PIV card (SP 800-73-4 part 2 §3.2, and Yubico's own)."""

from __future__ import annotations

import enum
import hmac
import secrets
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from custode_drivers.testing.apdu import (
    BLOCKED,
    SECURITY_NOT_SATISFIED,
    TRIES_LEFT,
    WRONG_DATA,
    StatusWord,
    refuse,
    tlv,
)

DEFAULT_PIN: Final = b"123456"
DEFAULT_PUK: Final = b"12345678"
DEFAULT_MANAGEMENT_KEY: Final = bytes.fromhex("0102030405060708" * 3)

SECRET_BYTES: Final = 8  # on the wire, filled with FF
_SHORTEST: Final = 6
# GENERAL AUTHENTICATE with the management key (SP 800-73-4 part 2, table 7).
_WITNESS, _CHALLENGE, _RESPONSE = 0x80, 0x81, 0x82


class ReferenceData:
    """A PIN or PUK with its counter. A try is taken before it is compared, as on a card."""

    def __init__(self, value: bytes, tries: int) -> None:
        self._default = value.ljust(SECRET_BYTES, b"\xff")
        self._value = self._default
        self.tries = tries
        self.remaining = tries

    @property
    def is_default(self) -> bool:
        return self._value == self._default

    def check(self, given: bytes) -> None:
        """Compare, and count.

        :raises StatusWord: 63Cx with the tries left, 6983 when there is none.
        """
        if self.remaining == 0:
            refuse(BLOCKED)
        self.remaining -= 1
        if not hmac.compare_digest(given, self._value):
            self.refuse_with_count()
        self.remaining = self.tries

    def refuse_with_count(self) -> None:
        """Say how many tries there are left.

        :raises StatusWord: always.
        """
        refuse(TRIES_LEFT | min(self.remaining, 15) if self.remaining else BLOCKED)

    def replace(self, value: bytes) -> None:
        """A new value, and all its tries.

        :raises StatusWord: when it is too short or not filled with FF.
        """
        bare = value.rstrip(b"\xff")
        if len(value) != SECRET_BYTES or len(bare) < _SHORTEST or b"\xff" in bare:
            refuse(WRONG_DATA)
        self._value = value
        self.remaining = self.tries


class ManagementAlgorithm(enum.IntEnum):
    """Of the management key (SP 800-78-4 table 6-2)."""

    TRIPLE_DES = 0x03
    AES_128 = 0x08
    AES_192 = 0x0A
    AES_256 = 0x0C


_KEY_BYTES: Final = {
    ManagementAlgorithm.TRIPLE_DES: 24,
    ManagementAlgorithm.AES_128: 16,
    ManagementAlgorithm.AES_192: 24,
    ManagementAlgorithm.AES_256: 32,
}


class ManagementKey:
    """The key that lets a host write, and the exchange that proves it (§3.2.4, Appendix A)."""

    def __init__(self) -> None:
        self.algorithm = ManagementAlgorithm.TRIPLE_DES
        self._key = DEFAULT_MANAGEMENT_KEY
        self.forget()

    @property
    def is_default(self) -> bool:
        return self._key == DEFAULT_MANAGEMENT_KEY

    def forget(self) -> None:
        """End authentication, and what has begun of one."""
        self.authenticated = False
        self._asked: bytes | None = None

    def replace(self, data: bytes) -> None:
        """Yubico's SET MANAGEMENT KEY: algorithm, 9B, length, key.

        :raises StatusWord: when that makes no key.
        """
        try:
            algorithm = ManagementAlgorithm(data[0])
        except (ValueError, IndexError):
            refuse(WRONG_DATA)
        size = _KEY_BYTES[algorithm]
        if data[1:3] != bytes((0x9B, size)) or len(data) != 3 + size:
            refuse(WRONG_DATA)
        self.algorithm, self._key = algorithm, data[3:]

    def authenticate(self, algorithm: int, template: dict[int, bytes]) -> bytes:
        """One step of the mutual (witness) or the one-way (challenge) exchange.

        :raises StatusWord: when the host does not hold the key.
        """
        if algorithm not in {0, self.algorithm}:  # 00 is 3DES by its old name
            refuse(WRONG_DATA)
        match template:
            case {0x80: b""}:
                self._asked = secrets.token_bytes(self._block_bytes)
                return tlv(0x7C, tlv(_WITNESS, self._encrypt(self._asked)))
            case {0x80: witness, 0x81: challenge} if len(challenge) == self._block_bytes:
                self._prove(witness, self._asked)
                return tlv(0x7C, tlv(_RESPONSE, self._encrypt(challenge)))
            case {0x81: b""}:
                self._asked = secrets.token_bytes(self._block_bytes)
                return tlv(0x7C, tlv(_CHALLENGE, self._asked))
            case {0x82: response}:
                self._prove(response, self._asked and self._encrypt(self._asked))
                return b""
        raise StatusWord(WRONG_DATA)

    def _prove(self, given: bytes, expected: bytes | None) -> None:
        self._asked = None
        if expected is None or not hmac.compare_digest(given, expected):
            refuse(SECURITY_NOT_SATISFIED)
        self.authenticated = True

    @property
    def _block_bytes(self) -> int:
        return 8 if self.algorithm is ManagementAlgorithm.TRIPLE_DES else 16

    def _encrypt(self, block: bytes) -> bytes:
        kind = TripleDES if self.algorithm is ManagementAlgorithm.TRIPLE_DES else AES
        encryptor: CipherContext = Cipher(kind(self._key), ECB()).encryptor()  # noqa: S305 - one block, as PIV has it
        return encryptor.update(block) + encryptor.finalize()
