"""Keeps the answer of `request.standing` as fresh as the agent's status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from custode.desktop.windows.desk import Desk


class Standing(QObject):
    """Asked again at every new status; `changed` when it has come."""

    changed = Signal()
    failed = Signal(object)

    def __init__(self, desk: Desk, parent: QObject) -> None:
        super().__init__(parent)
        self._desk = desk
        self._asking = False
        self._once_more = False
        self._waits = False
        self.answer: dict[str, Any] = {}
        desk.changed.connect(self._status_came)

    def ask(self) -> None:
        """Ask; while one question is under way, once more after it."""
        if self._asking:
            self._once_more = True
            return
        self._asking = True
        self._desk.call("request.standing", done=self._came, failed=self._missed)

    def ask_all(self) -> None:
        """Ask for the agent's status too: before it has come, nothing is told."""
        self._waits = True
        self._desk.call("status", done=self._told, failed=self._missed)

    def _told(self, status: dict[str, Any]) -> None:
        self._desk.on_status(status, None)  # queued, so that `ask` follows it
        self._waits = False

    def _status_came(self) -> None:
        if not self._waits and self._desk.why is None:
            self.ask()

    def _came(self, answer: dict[str, Any]) -> None:
        self._asking = False
        if self._once_more:
            self._once_more = False
            self.ask()
            return
        if not self._waits:
            self.answer = answer
            self.changed.emit()

    def _missed(self, error: object) -> None:
        self._asking = self._once_more = self._waits = False
        self.failed.emit(error)
