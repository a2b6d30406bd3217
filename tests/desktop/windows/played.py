"""A desk with nobody behind it: whoever plays says what the agent says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtWidgets import QApplication

from custode.desktop.windows.desk import Desk
from custode.errors import CustodeError


class Played(QObject):
    """A call whose progress and end the player decides."""

    progress = Signal(str, str)
    asking = Signal(bool)
    done = Signal(object)
    failed = Signal(object)
    over = Signal()

    def __init__(self, method: str, params: Mapping[str, Any]) -> None:
        super().__init__()
        self.method = method
        self.params = dict(params)
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class PlayedDesk(Desk):
    """Remembers what was called, newest last; `answers` are given at once, by method."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.calls: list[Played] = []
        self.answers: dict[str, Any] = {}

    def call(  # type: ignore[override] # what is played is no thread
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        progress: Callable[[str, str], None] | None = None,
        done: Callable[[Any], None] | None = None,
        failed: Callable[[CustodeError], None] | None = None,
    ) -> Played:
        call = Played(method, params or {})
        pairs = ((call.progress, progress), (call.done, done), (call.failed, failed))
        for signal, slot in pairs:
            if slot is not None:
                signal.connect(slot)
        self.calls.append(call)
        if method in self.answers and done is not None:
            done(self.answers[method])
        return call

    def told(self, **status: Any) -> None:
        """Have the agent say that."""
        self.on_status(status, None)
        settle()

    def close_all(self) -> None:
        for window in list(self._windows.values()):
            window.hide()
            window.deleteLater()
        self._windows.clear()
        settle()


def settle() -> None:
    """Let Qt do what is due."""
    for _ in range(3):
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
