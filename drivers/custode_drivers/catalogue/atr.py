"""Answers to reset, and masks over them (ISO 7816-3 §8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

SHORTEST: Final = 2  # TS and T0
LONGEST: Final = 33  # TS and 32 more (ISO 7816-3 §8.1)
_SEPARATORS: Final = str.maketrans("", "", " :-")


@dataclass(frozen=True, slots=True)
class AtrMask:
    """What an ATR has to look like: only the bits that are set in `mask` count."""

    value: bytes
    mask: bytes

    @classmethod
    def parse(cls, atr: str, mask: str = "") -> Self:
        """Read hex, with or without spaces or colons; no mask: every bit counts.

        :raises ValueError: when one is no hex, is too short or too long, or they differ in length
        """
        value = _hex(atr)
        bits = _hex(mask) if mask else b"\xff" * len(value)
        if not SHORTEST <= len(value) <= LONGEST:
            raise ValueError(f"an ATR has {SHORTEST} to {LONGEST} bytes, not {len(value)}")
        if len(bits) != len(value):
            raise ValueError(f"the mask has {len(bits)} bytes, the ATR {len(value)}")
        return cls(_and(value, bits), bits)

    def fits(self, atr: bytes) -> bool:
        """Whether an ATR looks so."""
        return len(atr) == len(self.value) and _and(atr, self.mask) == self.value

    def covers(self, other: AtrMask) -> bool:
        """Whether every ATR that fits the other one fits this one."""
        if len(self.mask) != len(other.mask):
            return False
        return _and(self.mask, other.mask) == self.mask and self.fits(other.value)


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text.translate(_SEPARATORS))
    except ValueError as exc:
        raise ValueError(f"no bytes in hex: {text}") from exc


def _and(left: bytes, right: bytes) -> bytes:
    return bytes(a & b for a, b in zip(left, right, strict=True))
