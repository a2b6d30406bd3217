"""A card in a reader, and the modules that may be able to show it: values, nothing here decides."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Why(StrEnum):
    """Why a module was asked for a card."""

    CONFIG = "config"  # `[[module]]`, or `[[modules.card]]` for such a card
    CARD = "card"  # by the card's answer to reset, as the catalogue has it
    REMEMBERED = "remembered"  # it showed a card of this kind before
    P11_KIT = "p11-kit"  # p11-kit's list of modules
    ANY_CARD = "any_card"  # asked last, for whatever card


@dataclass(frozen=True, slots=True)
class Offer:
    """A module that may be able to show a card.

    `key`: what it is remembered by, for a path may change with its version. `name`: what its worker
    is called. `path` None: it is not installed; then `package` is Debian's package that has it,
    and `get` says where else it comes from.
    """

    key: str
    name: str
    why: Why
    path: str | None
    title: str = ""
    package: str = ""
    get: str = ""


class Outcome(StrEnum):
    """What came of asking a module."""

    SHOWN = "shown"
    NO_TOKEN = "no_token"  # noqa: S105 - a code, not a password
    FAILED = "failed"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Tried:
    """A module that did not show the card; `reason` is told where it failed."""

    offer: Offer
    outcome: Outcome
    reason: str = ""


class Phase(StrEnum):
    """How far the search for a card's module is."""

    WAITING = "waiting"  # the configured modules are asked first
    LOOKING = "looking"  # which modules there are for it is being looked up
    TRYING = "trying"
    SERVED = "served"
    UNKNOWN = "unknown"  # none shows it
    IGNORED = "ignored"  # the configuration says so


IDENTIFYING = frozenset({Phase.WAITING, Phase.LOOKING, Phase.TRYING})


@dataclass(frozen=True, slots=True)
class Card:
    """One stay of a card in a reader; `stay` tells it from the next one.

    `queue`: modules still to be asked, the first of them now, once `asked`. `module`: the one that
    shows it.
    """

    reader: str
    atr: str
    stay: int
    phase: Phase = Phase.WAITING
    name: str = ""
    queue: tuple[Offer, ...] = ()
    asked: bool = False
    tried: tuple[Tried, ...] = ()
    module: str | None = None
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class ChosenModule:
    """Which module showed a card of this kind: asked first the next time."""

    atr: str
    key: str
