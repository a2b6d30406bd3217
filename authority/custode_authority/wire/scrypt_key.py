"""A key made from a PIN with scrypt (RFC 7914), and how ASN.1 names that: one set of numbers."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from custode_authority.wire import oids, parameters


@asn1.sequence
class ScryptParameters:
    """RFC 7914 §7."""

    salt: bytes
    cost: int
    block_size: int
    parallelization: int
    key_length: int


@asn1.sequence
class ScryptAlgorithm:
    """RFC 7914 §7: id-scrypt."""

    algorithm: x509.ObjectIdentifier
    parameters: ScryptParameters


def algorithm(salt: bytes) -> ScryptAlgorithm:
    """The only scrypt there is here; what a reader found is compared with it."""
    return ScryptAlgorithm(
        algorithm=oids.SCRYPT,
        parameters=ScryptParameters(
            salt=salt,
            cost=parameters.SCRYPT_N,
            block_size=parameters.SCRYPT_R,
            parallelization=parameters.SCRYPT_P,
            key_length=parameters.AES_KEY_LENGTH,
        ),
    )


def derive(pin: bytes | bytearray, salt: bytes) -> bytearray:
    """32 bytes, to be wiped by the caller: 0.5 s and 128 MiB, by intention."""
    key = bytearray(parameters.AES_KEY_LENGTH)
    Scrypt(
        salt=salt,
        length=parameters.AES_KEY_LENGTH,
        n=parameters.SCRYPT_N,
        r=parameters.SCRYPT_R,
        p=parameters.SCRYPT_P,
    ).derive_into(pin, key)
    return key
