"""The public half of a backup PIN: a raw Ed25519 key (RFC 8032) and signatures made with it.

Neither the PIN nor the salt is ever seen here.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KEY_SIZE: Final = 32
_P: Final = 2**255 - 19

# y coordinates of the points of order 1, 2, 4 and 8 (RFC 7748 §7, RFC 8032 §5.1.7): under such a
# key one signature fits many messages, so it proves no PIN. The sign bit does not matter.
_SMALL_ORDER: Final = frozenset(
    {
        0,
        1,
        _P - 1,
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
    }
)


def acceptable(raw: bytes) -> bool:
    """Whether `raw` is a key that can stand for a PIN: 32 bytes, canonical, not of small order."""
    if len(raw) != KEY_SIZE:
        return False
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    return y < _P and y not in _SMALL_ORDER


def signed_with_pin(public_key: bytes, signature: bytes, body: bytes) -> bool:
    """Whether `signature` over the exact `body` was made with the right PIN."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, body)
    except (InvalidSignature, ValueError):
        return False
    return True
