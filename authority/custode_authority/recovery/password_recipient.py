"""A content key wrapped under a PIN: PasswordRecipientInfo (RFC 5652 §6.2.4).

The key that wraps comes from scrypt, with the numbers of `iw.iwk`'s PIN layer; it wraps by AES key
wrap (RFC 3394), which notices a wrong key. `openssl cms` knows PBKDF2 only: see docs/format.md.
"""

from __future__ import annotations

import os
from typing import Annotated, Final

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from custode_authority.wire import oids, parameters, scrypt_key
from custode_authority.wire.scrypt_key import ScryptAlgorithm

_VERSION: Final = 0  # RFC 5652 §6.2.4
# RecipientInfo is a CHOICE: `pwri` is [3] IMPLICIT, the same SEQUENCE with another first byte.
_PWRI_TAG: Final = b"\xa3"
_SEQUENCE_TAG: Final = b"\x30"


class NotThisPin(Exception):
    """The content key did not come out."""


class RecipientInvalid(Exception):
    """Not a RecipientInfo as this module writes it."""


@asn1.sequence
class KeyWrapAlgorithm:
    """RFC 3565 §2.3.2: AES key wrap has no parameters."""

    algorithm: x509.ObjectIdentifier


@asn1.sequence
class PasswordRecipientInfo:
    """RFC 5652 §6.2.4."""

    version: int
    key_derivation: Annotated[ScryptAlgorithm, asn1.Implicit(0)]
    key_encryption: KeyWrapAlgorithm
    encrypted_key: bytes


def wrap(content_key: bytes, pin: bytes | bytearray) -> bytes:
    """Wrap 32 bytes under a PIN.

    :return: a DER RecipientInfo
    """
    salt = os.urandom(parameters.SCRYPT_SALT_LENGTH)
    key = scrypt_key.derive(pin, salt)
    try:
        return _encode(salt, aes_key_wrap(bytes(key), content_key))
    finally:
        key[:] = bytes(len(key))


def check(recipient_info: bytes) -> None:
    """Find out whether this is one, before a single round of scrypt.

    :raises RecipientInvalid: it is not, in every respect, as `wrap` writes it
    """
    _parse(recipient_info)


def unwrap(recipient_info: bytes, pin: bytes | bytearray) -> bytes:
    """Unwrap the 32 bytes.

    :raises RecipientInvalid: not as `wrap` writes it
    :raises NotThisPin: another PIN, or damaged
    """
    salt, wrapped = _parse(recipient_info)
    key = scrypt_key.derive(pin, salt)
    try:
        return aes_key_unwrap(bytes(key), wrapped)
    except InvalidUnwrap:
        raise NotThisPin from None
    finally:
        key[:] = bytes(len(key))


def _encode(salt: bytes, wrapped: bytes) -> bytes:
    info = PasswordRecipientInfo(
        version=_VERSION,
        key_derivation=scrypt_key.algorithm(salt),
        key_encryption=KeyWrapAlgorithm(algorithm=oids.AES_256_WRAP),
        encrypted_key=wrapped,
    )
    return _PWRI_TAG + asn1.encode_der(info)[1:]


def _parse(recipient_info: bytes) -> tuple[bytes, bytes]:
    """Salt and wrapped key; written anew they must be the same bytes, which pins every number."""
    if len(recipient_info) > parameters.MAX_RECIPIENT_INFO_SIZE:
        raise RecipientInvalid
    try:
        info = asn1.decode_der(PasswordRecipientInfo, _SEQUENCE_TAG + recipient_info[1:])
    except ValueError:
        raise RecipientInvalid from None
    salt, wrapped = info.key_derivation.parameters.salt, info.encrypted_key
    lengths = (len(salt), len(wrapped))
    if (
        lengths != (parameters.SCRYPT_SALT_LENGTH, parameters.WRAPPED_KEY_LENGTH)
        or _encode(salt, wrapped) != recipient_info
    ):
        raise RecipientInvalid
    return salt, wrapped
