"""Which of the tokens that are here may be chosen for something, and why another may not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from custode.locale import lines, words
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    # Why a token (its row of `status`) cannot be taken; empty: it can.
    WhyNot = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Offer:
    """One token that is here. `name` is what the agent is told: its serial, or its URI."""

    name: str
    title: str
    text: str
    why_not: str = ""


def anything(_row: Mapping[str, Any]) -> str:
    """Say that every token may be taken."""
    return ""


def offers(status: Mapping[str, Any], why_not: WhyNot = anything) -> tuple[Offer, ...]:
    """Tell the tokens that are here, those that may be chosen first."""
    rows = [row for row in status.get("tokens") or () if row.get("present")]
    found = [
        Offer(
            name=name(row, rows),
            title=str(row.get("label") or row.get("model") or "–"),
            text=about(row),
            why_not=why_not(row),
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda offer: bool(offer.why_not)))


def name(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """What the agent is told, to mean that one of them: its serial, where no other has it."""
    serials = [one.get("serial") for one in rows]
    return str(row["serial"] if serials.count(row["serial"]) == 1 else row["uri"])


def about(row: Mapping[str, Any]) -> str:
    """Tell a token's serial, what it is, and how its PINs stand where that matters."""
    parts = [
        t("Serial {serial}", serial=row.get("serial") or "–"),
        words.word(words.TOKEN, row.get("state")),
        *(lines.pin_state(row, role) for role in words.ROLE),
    ]
    return " · ".join(part for part in parts if part)


def chosen(offered: tuple[Offer, ...], before: str) -> str:
    """Keep what was chosen while it is here; the only one that fits chooses itself."""
    fitting = [offer.name for offer in offered if not offer.why_not]
    if before in fitting:
        return before
    return fitting[0] if len(fitting) == 1 else ""
