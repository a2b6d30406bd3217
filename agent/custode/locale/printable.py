"""Text from outside, made fit for a screen."""

from __future__ import annotations

from typing import Final

# C0 and C1 controls (ECMA-48) and the marks that turn text round (UAX #9): a name in a certificate
# or on a stick must not drive the terminal or disguise itself.
_CONTROLS: Final = {
    code: "\N{REPLACEMENT CHARACTER}"
    for code in (
        *range(0x20),
        *range(0x7F, 0xA0),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    )
    if code != ord("\n")
}


def printable(text: str) -> str:
    """`text` without what would drive the terminal."""
    return text.translate(_CONTROLS)
