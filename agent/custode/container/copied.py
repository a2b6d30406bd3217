"""The innermost layer of a copy: the original's own key, wrapped by its token under the backup PIN.

EncryptedPrivateKeyInfo (RFC 5958 §3), PBES2 (RFC 8018) with scrypt (RFC 7914) and AES-256 key wrap
with padding (RFC 5649). What is wrapped is the token's PKCS#8; only a token unwraps it again, so no
private key is in the clear here: this module makes and reads what stands around it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat import asn1

from custode.container import pin_key
from custode.container.errors import Undecryptable
from custode_authority.wire import oids, parameters, scrypt_key
from custode_authority.wire.scrypt_key import ScryptAlgorithm

_BLOCK = 8  # RFC 5649 §4.1: a wrapped key is whole semiblocks


@asn1.sequence
class WrapAlgorithm:
    """RFC 5649 §5: no parameters."""

    algorithm: x509.ObjectIdentifier


@asn1.sequence
class Pbes2Parameters:
    """RFC 8018 §A.4."""

    key_derivation: ScryptAlgorithm
    encryption: WrapAlgorithm


@asn1.sequence
class Pbes2Algorithm:
    """RFC 8018 §A.4: id-PBES2."""

    algorithm: x509.ObjectIdentifier
    parameters: Pbes2Parameters


@asn1.sequence
class EncryptedPrivateKeyInfo:
    """RFC 5958 §3."""

    algorithm: Pbes2Algorithm
    encrypted_data: bytes


@dataclass(frozen=True, slots=True)
class Copied:
    """A PIN layer that was read: the salt of its key-encryption key, and the wrapped key."""

    salt: bytes
    wrapped: bytes = field(repr=False)


def new_salt() -> bytes:
    """Salt of one key-encryption key."""
    return os.urandom(parameters.SCRYPT_SALT_LENGTH)


def key_encryption_key(pin: bytes | bytearray, salt: bytes) -> bytearray:
    """32 bytes for the token to wrap or unwrap with, to be wiped: 0.5 s and 128 MiB, by intention.

    :raises BackupPinRefused: no backup PIN is like that
    """
    pin_key.check(pin)
    return scrypt_key.derive(pin, salt)


def seal(salt: bytes, wrapped: bytes) -> bytes:
    """Put the layer around what the token wrapped under the key made from `salt`.

    :return: DER
    :raises Undecryptable: no reader would take it
    """
    der = _encode(salt, wrapped)
    read(der)
    return der


def read(der: bytes) -> Copied:
    """Read what `seal` made; every parameter is checked before a single round of scrypt.

    :raises Undecryptable: other parameters, or the layer of a successor
    """
    if len(der) > parameters.MAX_INNER_SIZE:
        raise Undecryptable
    try:
        info = asn1.decode_der(EncryptedPrivateKeyInfo, der)
    except ValueError:
        raise Undecryptable from None
    salt, wrapped = info.algorithm.parameters.key_derivation.parameters.salt, info.encrypted_data
    in_range = parameters.MIN_WRAPPED_LENGTH <= len(wrapped) <= parameters.MAX_WRAPPED_LENGTH
    # What is read is written anew and must be the same bytes: that pins every parameter.
    if (
        not in_range
        or len(wrapped) % _BLOCK
        or len(salt) != parameters.SCRYPT_SALT_LENGTH
        or _encode(salt, wrapped) != der
    ):
        raise Undecryptable
    return Copied(salt, wrapped)


def _encode(salt: bytes, wrapped: bytes) -> bytes:
    pbes2 = Pbes2Parameters(
        key_derivation=scrypt_key.algorithm(salt),
        encryption=WrapAlgorithm(algorithm=oids.AES_256_WRAP_PAD),
    )
    algorithm = Pbes2Algorithm(algorithm=oids.PBES2, parameters=pbes2)
    return asn1.encode_der(EncryptedPrivateKeyInfo(algorithm=algorithm, encrypted_data=wrapped))
