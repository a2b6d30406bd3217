"""Keys of a virtual PIV card: made on it or put into it, and what they do (SP 800-73-4, -78-4)."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from custode_drivers.testing.apdu import WRONG_DATA, parse_tlv, refuse, tlv

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_EXPONENT: Final = 65537
# GENERAL AUTHENTICATE, dynamic authentication template (SP 800-73-4 part 2, table 7).
_CHALLENGE, _RESPONSE, _EXPONENTIATION = 0x81, 0x82, 0x85


class Algorithm(enum.IntEnum):
    """Of a key (SP 800-78-4 table 6-2; the larger RSA keys are Yubico's and later NIST's)."""

    RSA_1024 = 0x06
    RSA_2048 = 0x07
    RSA_3072 = 0x05
    RSA_4096 = 0x16
    P256 = 0x11
    P384 = 0x14


_RSA_BITS: Final = {
    Algorithm.RSA_1024: 1024,
    Algorithm.RSA_2048: 2048,
    Algorithm.RSA_3072: 3072,
    Algorithm.RSA_4096: 4096,
}
_CURVES: Final[dict[Algorithm, ec.EllipticCurve]] = {
    Algorithm.P256: ec.SECP256R1(),
    Algorithm.P384: ec.SECP384R1(),
}


class PinPolicy(enum.IntEnum):
    """When a key asks for the PIN (Yubico extension, tag AA)."""

    DEFAULT = 0
    NEVER = 1
    ONCE = 2
    ALWAYS = 3


class Origin(enum.IntEnum):
    """Where a key was made (Yubico GET METADATA, tag 03)."""

    GENERATED = 1
    IMPORTED = 2


@dataclass(frozen=True, slots=True)
class Key:
    """A private key in a slot."""

    algorithm: Algorithm
    private: PrivateKey
    pin_policy: PinPolicy
    origin: Origin

    def public_template(self) -> bytes:
        """The objects of a public key template 7F49 (SP 800-73-4 part 2 §3.3.2)."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            numbers = self.private.public_key().public_numbers()
            modulus = numbers.n.to_bytes(self.private.key_size // 8)
            return tlv(0x81, modulus) + tlv(0x82, numbers.e.to_bytes(3))
        public = self.private.public_key()
        return tlv(0x86, public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    def authenticate(self, template: dict[int, bytes]) -> bytes:
        """What the template 7C asks for: a signature, a decryption, or an ECDH secret.

        :raises StatusWord: when it fits no key like this.
        """
        private = self.private
        if _EXPONENTIATION in template and isinstance(private, ec.EllipticCurvePrivateKey):
            return tlv(0x7C, tlv(_RESPONSE, _agree(private, template[_EXPONENTIATION])))
        if _CHALLENGE not in template:
            refuse(WRONG_DATA)
        given = template[_CHALLENGE]
        made = (
            _raw(private, given)
            if isinstance(private, rsa.RSAPrivateKey)
            else _sign(private, given)
        )
        return tlv(0x7C, tlv(_RESPONSE, made))


def algorithm_of(number: int) -> Algorithm:
    """The algorithm, or the refusal of one that the card does not know."""
    try:
        return Algorithm(number)
    except ValueError:
        refuse(WRONG_DATA)


def policy_of(template: dict[int, bytes], slot: int) -> PinPolicy:
    """The PIN policy that a command asks for, or the slot's own (SP 800-73-4 part 1 table 4b).

    :raises StatusWord: when there is no such policy.
    """
    try:
        asked = PinPolicy(int.from_bytes(template.get(0xAA, b"\0")))
    except ValueError:
        refuse(WRONG_DATA)
    if asked is not PinPolicy.DEFAULT:
        return asked
    return {0x9C: PinPolicy.ALWAYS, 0x9E: PinPolicy.NEVER}.get(slot, PinPolicy.ONCE)


def generate(algorithm: Algorithm, policy: PinPolicy) -> Key:
    """A new key pair; RSA takes the time it takes."""
    private: PrivateKey
    if algorithm in _RSA_BITS:
        private = rsa.generate_private_key(_EXPONENT, _RSA_BITS[algorithm])
    else:
        private = ec.generate_private_key(_CURVES[algorithm])
    return Key(algorithm, private, policy, Origin.GENERATED)


def import_key(algorithm: Algorithm, data: bytes, slot: int) -> Key:
    """The key in the data of Yubico's IMPORT ASYMMETRIC KEY (INS FE).

    RSA as primes and CRT values (tags 01–05), EC as the private number (tag 06).

    :raises StatusWord: when the parts make no key of that algorithm.
    """
    parts = parse_tlv(data)
    policy = policy_of(parts, slot)
    numbers = {tag: int.from_bytes(value) for tag, value in parts.items()}
    private: PrivateKey
    try:
        if algorithm in _RSA_BITS:
            private = _rsa_of(numbers)
            if private.key_size != _RSA_BITS[algorithm]:
                refuse(WRONG_DATA)
        else:
            private = ec.derive_private_key(numbers[6], _CURVES[algorithm])
    except (KeyError, ValueError, UnsupportedAlgorithm):
        refuse(WRONG_DATA)
    return Key(algorithm, private, policy, Origin.IMPORTED)


def _rsa_of(numbers: dict[int, int]) -> rsa.RSAPrivateKey:
    p, q, dmp1, dmq1, iqmp = (numbers[tag] for tag in (1, 2, 3, 4, 5))
    public = rsa.RSAPublicNumbers(_EXPONENT, p * q)
    d = rsa.rsa_recover_private_exponent(_EXPONENT, p, q)
    return rsa.RSAPrivateNumbers(p, q, d, dmp1, dmq1, iqmp, public).private_key()


def _raw(private: rsa.RSAPrivateKey, given: bytes) -> bytes:
    """m^d mod n: padding is the host's work in PIV, and so the card takes any."""
    numbers = private.private_numbers()
    n = numbers.public_numbers.n
    value = int.from_bytes(given)
    if len(given) != private.key_size // 8 or value >= n:
        refuse(WRONG_DATA)
    return pow(value, numbers.d, n).to_bytes(private.key_size // 8)


def _sign(private: ec.EllipticCurvePrivateKey, given: bytes) -> bytes:
    """ECDSA over a digest that the host made, cut or filled to the curve's size."""
    size = private.key_size // 8
    algorithm = hashes.SHA384() if size == hashes.SHA384.digest_size else hashes.SHA256()
    digest = given[:size].rjust(size, b"\0")
    return private.sign(digest, ec.ECDSA(Prehashed(algorithm)))


def _agree(private: ec.EllipticCurvePrivateKey, point: bytes) -> bytes:
    try:
        peer = ec.EllipticCurvePublicKey.from_encoded_point(private.curve, point)
    except ValueError:
        refuse(WRONG_DATA)
    return private.exchange(ec.ECDH(), peer)
