"""Modules and cards as rows for faces: which module serves which card, and why none does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from custode.domain.cards import IDENTIFYING, Outcome, Why

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from custode.domain.cards import Card, Offer, Tried
    from custode.domain.model import Module, State

PRESENT: Final = "present"
NOT_RECOGNIZED: Final = "CKR_TOKEN_NOT_RECOGNIZED"
"""What a module says of a card that is made for another one (PKCS #11 v3.1 §5.1.5)."""


def drivers(state: State, health: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How the modules do that are configured, or that serve a card now."""
    rows = [dict(row) for row in health if row["module"] in state.modules]
    for row in rows:
        if state.discover and row.get("unreadable") == NOT_RECOGNIZED:
            row["unreadable"] = None  # another module's card, which has a row of its own
    return rows


def modules(
    state: State, health: Sequence[Mapping[str, Any]], fixed: Collection[str]
) -> list[dict[str, Any]]:
    """Modules that are configured or in use, then those that a card here would have wanted."""
    paths = {row["module"]: row["path"] for row in health}
    rows = [
        _in_use(state, module, paths.get(module.name), fixed) for module in state.modules.values()
    ]
    told = {row["name"] for row in rows}
    for card in state.cards.values():
        for tried in card.tried:
            if tried.offer.name not in told:
                told.add(tried.offer.name)
                rows.append({**_tried(tried), "cards": [_place(card)]})
    return rows


def cards(state: State) -> list[dict[str, Any]]:
    """Cards that are in, and which module each of them has."""
    return [
        {
            **_place(card),
            "name": card.name or None,
            "state": "identifying" if card.phase in IDENTIFYING else card.phase.value,
            "module": card.module,
            "why": card.why,
            "tried": [_tried(one) for one in card.tried],
        }
        for card in state.cards.values()
    ]


def _in_use(
    state: State, module: Module, path: str | None, fixed: Collection[str]
) -> dict[str, Any]:
    served = [card for card in state.cards.values() if card.module == module.name]
    why: str = PRESENT if module.name in fixed else Why.CONFIG.value
    if module.offer is not None:
        why = (served[0].why or module.offer.why).value if served else module.offer.why.value
    kept = "reading" if module.pending else "works"
    return {
        "name": module.name,
        "path": path,
        "title": _title(module.offer),
        "why": why,
        "state": "failed" if module.failure is not None else kept,
        "reason": module.failure,
        "package": None,
        "cards": [_place(card) for card in served],
    }


def _tried(tried: Tried) -> dict[str, Any]:
    offer = tried.offer
    missing = tried.outcome is Outcome.MISSING
    return {
        "name": offer.name,
        "path": offer.path,
        "title": _title(offer),
        "why": offer.why.value,
        "state": tried.outcome.value,
        "reason": tried.reason or (offer.get if missing else "") or None,
        "package": (offer.package or None) if missing else None,
    }


def _place(card: Card) -> dict[str, str]:
    return {"reader": card.reader, "atr": card.atr}


def _title(offer: Offer | None) -> str | None:
    return (offer.title or None) if offer is not None else None
