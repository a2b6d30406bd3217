"""Every window in every situation worth looking at; each area has a file of its own here.

A file holds `SITUATIONS: dict[str, Situation]`; the name becomes the picture's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.desktop.windows.played import PlayedDesk

from custode.desktop.windows.window import Window


def _nothing(_desk: PlayedDesk, _window: Window) -> None:
    """Leave it as it opens."""


@dataclass(frozen=True)
class Situation:
    """A window, what the agent says, and what the person does before the picture is taken.

    `answers`: what calls are answered, by method.
    """

    window: str
    args: Mapping[str, str] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, Any] = field(default_factory=dict)
    play: Callable[[PlayedDesk, Any], None] = _nothing


def situations() -> dict[str, Situation]:
    """All of them, by name."""
    found: dict[str, Situation] = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem != "table":
            module = import_module(f"tests.desktop.windows.situations.{path.stem}")
            for name, situation in getattr(module, "SITUATIONS", {}).items():
                assert name not in found, name
                found[name] = situation
    return found


def show(desk: PlayedDesk, situation: Situation) -> Window:
    """Open the window and do what the person does."""
    desk.answers = dict(situation.answers)
    desk.told(**situation.status)
    window = desk.open(situation.window, **situation.args)
    situation.play(desk, window)
    return window
