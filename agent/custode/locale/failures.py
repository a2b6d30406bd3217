"""What an error says to a person: its message, its hint, and the reasons of a closed gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from custode.locale import moments, words
from custode.locale.catalogue import fill, gettext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.errors import CustodeError

_TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    "why": words.WHY,
    "pin": words.PIN,
    **dict.fromkeys(("what", "capability", "state"), words.ABOUT),
}
_SIZES: Final = frozenset({"needed", "free"})  # in bytes


def translated(error: CustodeError) -> tuple[str, str]:
    """Message and hint in the person's language."""
    data = values(error)
    return fill(gettext(error.message_id), data), fill(gettext(error.hint_id), data)


def values(error: CustodeError) -> dict[str, Any]:
    """The error's data as people read it."""
    return {key: _told(key, value) for key, value in error.data.items()}


def _told(key: str, value: Any) -> Any:
    """One value of an error as people read it: sizes with their unit, known words translated."""
    if key in _SIZES and isinstance(value, int):
        return moments.size(value)
    if isinstance(value, str):
        table = _TABLES.get(key, {})
        return words.word(table, value) if value in table else gettext(value)
    return value


def reasons(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every reason of a closed gate: the fact, and what would change it."""
    return [words.gate_reason(reason) for reason in data.get("reasons") or ()]
