"""What a click leads to, as data: whoever shows it knows how it is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Do(StrEnum):
    """The kinds of action."""

    OPEN = "open"
    """A window, by its name."""
    LANGUAGE = "language"
    SNOOZE = "snooze"
    """A need, by its key, until tomorrow."""
    QUIT = "quit"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: `name` is the window's, the language's or the need's."""

    do: Do
    name: str = ""
    args: Mapping[str, str] = field(default_factory=dict)


def window(name: str, /, **args: object) -> Action:
    """Open the window of that name; what has no value is left out."""
    return Action(Do.OPEN, name, {key: str(value) for key, value in args.items() if value})
