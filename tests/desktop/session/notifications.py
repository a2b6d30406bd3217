"""The place where notifications appear, as a desktop has it: keeps them, presses their buttons.

with Notifications(address) as bubbles:
    bubble = bubbles.until(lambda bubble: "copia" in bubble.summary, "the red notice")
    bubbles.press(bubble, "Esegui ora…")
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from tests.desktop.session.peer import PATIENCE_S, Call, News, OnBus, Peer

SERVER: Final = "org.freedesktop.Notifications"
_PATH: Final = "/org/freedesktop/Notifications"
_URGENCIES: Final = ("low", "normal", "critical")
_DISMISSED, _CLOSED_BY_CALL = 2, 3  # reasons, in the Desktop Notifications Specification


class Bubble(NamedTuple):
    """One notification, as it was asked for."""

    id: int
    replaces: int
    app: str
    icon: str
    summary: str
    body: str
    actions: dict[str, str]
    """Labels, and the keys behind them."""
    hints: dict[str, Any]
    timeout_ms: int
    at: float

    @property
    def urgency(self) -> str:
        return _URGENCIES[self.hints.get("urgency", 1)]


class Notifications(OnBus):
    """A notification server, present while it is open."""

    def __init__(
        self,
        address: str,
        capabilities: tuple[str, ...] = ("body", "actions", "persistence"),
        *,
        there: bool = True,
    ) -> None:
        self.peer = Peer(address)
        self.news = News()
        self.log: list[Bubble] = []
        self.shown: dict[int, Bubble] = {}
        """What stands on the screen now."""
        self.closed: list[tuple[int, int]] = []
        """Identity and reason of what was taken down."""
        self._numbers = itertools.count(1)
        self.peer.serve(
            _PATH,
            SERVER,
            {
                "GetCapabilities": lambda _call: ("as", (list(capabilities),)),
                "GetServerInformation": lambda _call: ("ssss", ("tests", "custode", "1", "1.2")),
                "Notify": self._notify,
                "CloseNotification": self._close,
            },
        )
        if there:
            self.come_back()

    def leave(self) -> None:
        """Go, as a desktop shell that crashed: what was shown is gone too."""
        self.peer.release(SERVER)
        with self.news.note():
            self.shown.clear()

    def come_back(self) -> None:
        """Be there (again)."""
        self.peer.own(SERVER)

    def until(
        self, wanted: Callable[[Bubble], Any], what: str, patience_s: float = PATIENCE_S
    ) -> Bubble:
        """Wait until a notification that is wanted stands there."""
        found: Bubble = self.news.until(
            lambda: next(filter(wanted, list(self.shown.values())), None), what, patience_s
        )
        return found

    def until_gone(self, bubble: Bubble, patience_s: float = PATIENCE_S) -> None:
        """Wait until that one is taken down."""
        what = f"the end of {bubble.summary!r}"
        self.news.until(lambda: bubble.id not in self.shown, what, patience_s)

    def press(self, bubble: Bubble, label: str) -> None:
        """Press one of its buttons; it goes, as servers have it."""
        key = bubble.actions[label]
        assert bubble.id in self.shown, f"{bubble.summary!r} is not there any more"
        self.peer.emit(_PATH, SERVER, "ActionInvoked", "us", bubble.id, key)
        self._end(bubble.id, _DISMISSED)

    def dismiss(self, bubble: Bubble) -> None:
        """Wipe it away without a word."""
        self._end(bubble.id, _DISMISSED)

    def _notify(self, call: Call) -> tuple[str, tuple[Any, ...]]:
        app, replaces, icon, summary, body, actions, hints, timeout_ms = call.body
        with self.news.note():
            number = replaces if replaces in self.shown else next(self._numbers)
            bubble = Bubble(
                number,
                replaces,
                app,
                icon,
                summary,
                body,
                dict(zip(actions[1::2], actions[::2], strict=True)),
                {name: value for name, (_, value) in hints.items()},
                timeout_ms,
                time.monotonic(),
            )
            self.shown[number] = bubble
            self.log.append(bubble)
        return "u", (number,)

    def _close(self, call: Call) -> tuple[str, tuple[Any, ...]]:
        (number,) = call.body
        if number in self.shown:
            self._end(number, _CLOSED_BY_CALL)
        return "", ()

    def _end(self, number: int, reason: int) -> None:
        with self.news.note():
            self.shown.pop(number, None)
            self.closed.append((number, reason))
        self.peer.emit(_PATH, SERVER, "NotificationClosed", "uu", number, reason)
