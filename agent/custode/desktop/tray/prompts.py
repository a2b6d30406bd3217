"""The agent's prompts as notifications: shown, answered, and taken down again.

The agent decides when a need is put before the person (`domain/prompting.py`); here it is only
shown. Nothing asks for a PIN: the one button opens a window, the other puts the reminder off.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Final

from custode.desktop.view.action import Do
from custode.desktop.view.note import note
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.rpc.client import AgentClient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from custode.desktop.tray.notifications import Notifier
    from custode.desktop.view.action import Action
    from custode.desktop.view.note import Button, Note
    from custode.paths import Paths

    Act = Callable[[Action], None]
    Later = Callable[[Callable[[], None]], None]
    MakeNotifier = Callable[[Callable[[Note, Button], None]], Notifier]

SUBSCRIPTION: Final[Mapping[str, bool]] = {"notifies": True}
"""What tells the agent that somebody is here who shows notifications."""
ANSWER_S: Final = 30.0

_log = logging.getLogger(__name__)


class Prompts:
    """Keeps the notifications in line with the agent's prompts; lives in the tray's loop."""

    def __init__(self, paths: Paths, make: MakeNotifier, act: Act, later: Later) -> None:
        """`act` does what a button leads to; `later` runs something in the tray's loop."""
        self._paths = paths
        self._act = act
        self._later = later
        self._rows: dict[str, Mapping[str, Any]] = {}  # what was put on the screen, by its key
        self.notifier = make(self._pressed)

    def on_event(self, event: Mapping[str, Any]) -> None:
        """Take in one event of the agent."""
        match event.get("name"):
            case "prompt_shown" if event.get("notify"):
                self._show(event)
            case "prompt_taken_down":
                self._take_down(str(event.get("key")))
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
            self.notifier.change(note(row))

    def close(self) -> None:
        """The tray ends."""
        self._rows.clear()
        self.notifier.close()

    def _show(self, row: Mapping[str, Any]) -> None:
        told = note(row)
        self._rows[told.key] = row
        self.notifier.show(told)

    def _take_down(self, key: str) -> None:
        if self._rows.pop(key, None) is not None:
            self.notifier.take_down(key)

    def _pressed(self, told: Note, button: Button) -> None:
        row = self._rows.pop(told.key, None)
        if button.action.do is not Do.SNOOZE:
            self._act(button.action)
            return

        def failed() -> None:  # it must not look as if it had been heard
            if row is not None and told.key not in self._rows:
                self._show(row)

        remind_tomorrow(self._paths, button.action.name, lambda: self._later(failed))


def remind_tomorrow(paths: Paths, key: str, failed: Callable[[], None]) -> threading.Thread:
    """Put off a need's reminder, without waiting for it; `failed` is called in another thread."""

    def ask() -> None:
        try:
            with AgentClient.connect(paths, name="custode-tray") as agent:
                agent.call("need.snooze", {"key": key}, deadline_s=ANSWER_S)
        except CustodeError as error:
            if error.code is ErrorCode.NO_SUCH_NEED:
                return  # it was over meanwhile
            _log.warning("%s was not put off: %s", key, error)
            failed()

    thread = threading.Thread(target=ask, name="remind-tomorrow", daemon=True)
    thread.start()
    return thread
