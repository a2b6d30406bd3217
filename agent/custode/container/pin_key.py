"""The backup PIN, and the key made from it that the authority counts wrong tries with.

The PIN is bytes throughout, in a buffer of the caller's that the caller wipes.
"""

from __future__ import annotations

import os
from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from custode.container.errors import BackupPinRefused
from custode_authority.wire import parameters
from custode_authority.wire import pin as pin_rule


def check(pin: bytes | bytearray) -> None:
    """Whether these bytes may be a backup PIN: at least 8 printable ASCII characters.

    :raises BackupPinRefused: with the reason
    """
    reason = pin_rule.fault(pin)
    if reason is not None:
        raise BackupPinRefused(reason)


def new_salt() -> bytes:
    """Salt of one backup; it stays in the folder and is never sent."""
    return os.urandom(parameters.ARGON2_SALT_LENGTH)


def derive(pin: bytes | bytearray, salt: bytes) -> Ed25519PrivateKey:
    """Derive the PIN key: Argon2id (RFC 9106) to the seed of an Ed25519 key (RFC 8032 §5.1.5).

    About 0.1 s and 64 MiB. Neither the public half nor a signature may be stored by the agent:
    either one plus the folder would let anybody try PINs offline.

    :raises BackupPinRefused: no backup PIN is like that
    """
    check(pin)
    kdf = Argon2id(
        salt=salt,
        length=parameters.ED25519_SEED_LENGTH,
        iterations=parameters.ARGON2_ITERATIONS,
        lanes=parameters.ARGON2_LANES,
        memory_cost=parameters.ARGON2_MEMORY_KIB,
        ad=parameters.ARGON2_AD,
    )
    seed = bytearray(parameters.ED25519_SEED_LENGTH)
    try:
        kdf.derive_into(cast("bytes", pin), seed)  # it takes any buffer, its stub says bytes
        return Ed25519PrivateKey.from_private_bytes(seed)
    finally:
        wipe(seed)


def wipe(secret: bytearray) -> None:
    """Overwrite a secret in place; copies that a library made are out of reach."""
    secret[:] = bytes(len(secret))
