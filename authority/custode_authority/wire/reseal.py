"""The content key on its way from the authority to whoever collects a backup.

HPKE base mode (RFC 9180): X25519, HKDF-SHA256, AES-256-GCM, to a key made for this one collection;
`info` is the SHA-256 of the signed grant, so that the key opens only together with that grant.
"""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from custode_authority.wire.parameters import CONTENT_KEY_LENGTH, GCM_TAG_LENGTH

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_X25519_LENGTH: Final = 32  # RFC 7748 §5
SEALED_LENGTH: Final = _X25519_LENGTH + CONTENT_KEY_LENGTH + GCM_TAG_LENGTH


class UnsealFailed(Exception):
    """The content key did not come out, for whatever reason."""


def seal(content_key: bytes, ephemeral_public_key: bytes, grant: bytes) -> bytes:
    """Seal 32 bytes to a raw X25519 public key; `grant` is the DER of the signed grant.

    :return: `SEALED_LENGTH` bytes, encapsulated key first
    :raises ValueError: the public key is not one, or of low order (RFC 7748 §6.1)
    """
    public_key = X25519PublicKey.from_public_bytes(ephemeral_public_key)
    return _SUITE.encrypt(content_key, public_key, _info(grant))


def open_sealed(sealed: bytes, ephemeral_private_key: X25519PrivateKey, grant: bytes) -> bytes:
    """Open what `seal` made, with the grant that came along.

    :raises UnsealFailed: sealed to another key, for another grant, or damaged
    """
    if len(sealed) != SEALED_LENGTH:
        raise UnsealFailed
    try:
        return _SUITE.decrypt(sealed, ephemeral_private_key, _info(grant))
    except (ValueError, InvalidTag):
        raise UnsealFailed from None


def _info(grant: bytes) -> bytes:
    return hashlib.sha256(grant).digest()
