"""What may be a PIN that a file is encrypted under (a backup's, an export's): one rule.

Such a PIN is tried as often as a thief likes once he may begin, so it is longer than a token's.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from custode_authority.wire.parameters import PIN_MAX_LENGTH, PIN_MIN_LENGTH

PASSWORD_MIN_LENGTH: Final = 8  # of an account, which is never tried on a file
_PRINTABLE: Final = frozenset(range(0x20, 0x7F))


class PinReason(StrEnum):
    """Why these bytes are no such PIN."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NOT_PRINTABLE_ASCII = "not_printable_ascii"


def fault(pin: bytes | bytearray) -> PinReason | None:
    """Why this may not be a PIN; None: it may be one, 8 to 128 printable ASCII characters."""
    if len(pin) < PIN_MIN_LENGTH:
        return PinReason.TOO_SHORT
    if len(pin) > PIN_MAX_LENGTH:
        return PinReason.TOO_LONG
    if not _PRINTABLE.issuperset(pin):
        return PinReason.NOT_PRINTABLE_ASCII
    return None
