"""What drivers report, in the past tense. The agent's domain decides what follows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PlugHint:
    """Something changed at this module: close the gate, then list its tokens and compare."""

    module: str
    """Path or name of the configured module, as the watch was given it."""
    at: datetime
    """When it was noticed; aware, UTC."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A card reader; a token for USB is one too, with its card always in."""

    name: str
    """For people: it is no identity, and may be another one after the next start."""
    card: bool
    mute: bool = False
    """A card is in, and does not answer even to being switched on."""
    atr: bytes = b""
    """The card's answer to reset (ISO 7816-3 §8); empty without a card, or when it is mute."""
    stay: int = 0
    """Grows with each coming and going: tells one stay of a card from the next."""


@dataclass(frozen=True, slots=True)
class ReadersSeen:
    """The reader service (PC/SC) told which readers there are; or it does not answer."""

    modules: tuple[str, ...]
    """The modules whose tokens are seen through it."""
    readers: tuple[Reader, ...]
    why: str | None
    """Why it does not answer: no_library, no_service, refused, or the number; None when it does.

    No reader is named then, which does not mean that there is none.
    """
    at: datetime
    moved: bool = False
    """A card came or went, or may have: `modules` show something else now. Close the gate."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The computer woke up: whatever was plugged in may be something else by now."""

    at: datetime


@dataclass(frozen=True, slots=True)
class VolumeFolder:
    """A folder that holds an `iw.iwk` appeared on, or vanished from, a watched place."""

    path: Path
    appeared: bool


Event = PlugHint | ReadersSeen | Resumed | VolumeFolder
