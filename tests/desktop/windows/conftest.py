"""A desk with nobody behind it: a test says what the agent says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtWidgets import QApplication

from custode.desktop.theme import Theme
from custode.desktop.windows.desk import Desk
from custode.errors import CustodeError
from custode.locale.catalogue import use
from custode.paths import Paths


class Played(QObject):
    """A call whose progress and end a test decides."""

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
    """Remembers what was called, newest last."""

    calls: list[Played]

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
        return call

    def told(self, **status: Any) -> None:
        """Have the agent say that."""
        self.on_status(status, None)
        settle()


def settle() -> None:
    """Let Qt do what is due."""
    for _ in range(3):
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def desk(theme: Theme, tmp_path: Path) -> Iterator[PlayedDesk]:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    made = PlayedDesk(app, theme, Paths.at(tmp_path))
    made.calls = []
    yield made
    for window in list(made._windows.values()):
        window.hide()
        window.deleteLater()
    settle()
    use("en")
