"""What is known of some makers' modules by name, because they answer nothing that would tell it."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final


class SoPin(Enum):
    """What a token takes as the PIN of its security officer (SO)."""

    ORDINARY = auto()
    MANAGEMENT_KEY = auto()
    """A 3DES or AES key in hex. ykcs11 2.2 sends anything else to the card as the *user's* PIN,
    which may protect such a key, and spends one of its tries (measured)."""
    NONE = auto()
    """The SO logs in without one, and only while there is no user PIN (NSS 3.87, `NSC_Login`)."""


_SO_PINS: Final = {"Yubico": SoPin.MANAGEMENT_KEY, "Mozilla Foundation": SoPin.NONE}
_ROOM_FOR_ONE: Final = "SoftHSM"


def so_pin_of(manufacturer: str) -> SoPin:
    """Return what a maker's tokens take as SO PIN; `manufacturer` as in CK_TOKEN_INFO."""
    found = (kind for maker, kind in _SO_PINS.items() if manufacturer.startswith(maker))
    return next(found, SoPin.ORDINARY)


def shows_room(model: str) -> bool:
    """Whether the room for a token is no token even where it is the only one; `model` likewise.

    SoftHSM 2.6 is a drawer for tokens, and may be empty; a TPM is there, and is given one.
    """
    return model.startswith(_ROOM_FOR_ONE)
