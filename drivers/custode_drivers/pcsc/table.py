"""What the readers show, and whether a card came or went since: pure, no PC/SC in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Self

from custode_drivers.api.events import Reader
from custode_drivers.pcsc import scard

_LOW_WORD: Final = 0xFFFF
# Who else uses a card is no news: fed back, these would wake us at every connection to a card.
_SHARING: Final = scard.INUSE | scard.EXCLUSIVE


@dataclass(frozen=True, slots=True)
class Slot:
    """One reader as it was told last; `state` is dwEventState whole."""

    name: str
    state: int
    atr: bytes = b""

    @property
    def card(self) -> bool:
        return bool(self.state & scard.PRESENT)

    @property
    def gone(self) -> bool:
        """Whether the service does not know this reader any more."""
        return bool(self.state & scard.UNKNOWN)

    @property
    def mark(self) -> tuple[bool, bytes, int]:
        """What tells one stay of a card from another: the counter grows with each coming and going.

        So a card that was out for a moment is noticed, however quickly it came back.
        """
        return self.card, self.atr if self.card else b"", self.state >> 16


@dataclass(frozen=True, slots=True)
class Table:
    """All readers by their name, and what was told of the list of readers itself."""

    slots: dict[str, Slot] = field(default_factory=dict)
    pnp: int = scard.UNAWARE

    def listed(self, names: Iterable[str]) -> Self:
        """The same with these readers; of one that is new nothing is known yet."""
        slots = {
            name: self.slots.get(name, Slot(name, scard.UNAWARE)) for name in dict.fromkeys(names)
        }
        return type(self)(slots, self.pnp)

    def told(self, rows: Iterable[scard.Row]) -> Self:
        """The same with what a wait returned."""
        slots, pnp = dict(self.slots), self.pnp
        for row in rows:
            if row.name == scard.PNP:
                pnp = row.state
            else:
                slots[row.name] = Slot(row.name, row.state, row.atr)
        return type(self)(slots, pnp)

    def question(self) -> list[scard.Row]:
        """What to ask the next wait: whether anything has changed since."""
        rows = [scard.Row(scard.PNP, self.pnp & ~scard.CHANGED)]
        hidden = scard.CHANGED | _SHARING
        return rows + [scard.Row(one.name, one.state & ~hidden) for one in self.slots.values()]

    @property
    def must_list(self) -> bool:
        """Whether the list of readers has changed since it was asked for."""
        return bool(self.pnp & scard.CHANGED) or any(one.gone for one in self.slots.values())

    @property
    def readers(self) -> tuple[Reader, ...]:
        return tuple(
            Reader(
                one.name,
                card=one.card,
                mute=bool(one.state & scard.MUTE),
                atr=one.atr if one.card else b"",
                stay=one.state >> 16,
            )
            for one in self.slots.values()
            if not one.gone
        )

    def card_moved_since(self, before: Table) -> bool:
        """Whether a card came, went, or did both since; a reader alone changes no card."""
        return any(
            _moved(before.slots.get(name), self.slots.get(name))
            for name in {*before.slots, *self.slots}
        )


def _moved(before: Slot | None, after: Slot | None) -> bool:
    if before is None or before.gone:
        return after is not None and after.card
    if after is None or after.gone:
        return before.card
    return before.mark != after.mark
