"""The agent's prompts as notifications: shown, answered, and taken down again.

The agent decides when a need is put before the person (`domain/prompting.py`); here it is only
shown. Nothing asks for a PIN: one button opens a window, the other puts the reminder off.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from custode.desktop.opening import in_front
from custode.desktop.view.note import ended, note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from custode.desktop.tray.notifications import Notifier
    from custode.desktop.view.action import Action
    from custode.desktop.view.note import Button, Note
    from custode.paths import Paths

    Later = Callable[[Callable[[], None]], None]
    MakeNotifier = Callable[[Callable[[Note, Button], None]], Notifier]

SUBSCRIPTION: Final[Mapping[str, bool]] = {"notifies": True}
"""What tells the agent that somebody is here who shows notifications."""


class Prompts:
    """Keeps the notifications in line with the agent's prompts; lives in the tray's loop."""

    def __init__(
        self, paths: Paths, make: MakeNotifier, act: Callable[[Action], None], later: Later
    ) -> None:
        """`act` begins what a button leads to; `later` has something done in the tray's loop."""
        self._paths = paths
        self._act = act
        self._later = later
        self._rows: dict[str, Mapping[str, Any]] = {}  # what was put on the screen, by its key
        self._notifier = make(self._pressed)

    def on_event(self, event: Mapping[str, Any]) -> None:
        """Take in one event of the agent."""
        match event.get("name"):
            case "prompt_shown" if event.get("notify"):
                told = note(event)
                self._rows[told.key] = event
                self._notifier.show(told)
            case "prompt_taken_down":
                self._take_down(str(event.get("key")))
            case "call_ended" if (news := ended(event)) is not None:
                self._unless_seen(news)
            case _:
                pass

    def on_status(self, status: Mapping[str, Any] | None) -> None:
        """Take down what does not stand any more: an agent that ended told nobody so."""
        if status is None:
            return  # it will be back, and say what still stands
        standing = {str(row["key"]) for row in status.get("needs") or () if row.get("prompted")}
        for key in self._rows.keys() - standing:
            self._take_down(key)

    def speak(self) -> None:
        """Say everything again: the language was changed."""
        for row in self._rows.values():
            self._notifier.change(note(row))

    def close(self) -> None:
        """The tray ends."""
        self._rows.clear()
        self._notifier.close()

    def _unless_seen(self, told: Note) -> None:
        """Show it, unless one of our windows has the person's attention: it shows the same."""

        def look() -> None:
            if not in_front(self._paths):
                self._later(lambda: self._notifier.show(told))

        threading.Thread(target=look, name="looking", daemon=True).start()

    def _take_down(self, key: str) -> None:
        if self._rows.pop(key, None) is not None:
            self._notifier.take_down(key)

    def _pressed(self, told: Note, button: Button) -> None:
        self._rows.pop(told.key, None)
        self._act(button.action)
