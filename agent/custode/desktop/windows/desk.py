"""What all windows of the process share: the agent's status, language, look, and one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Signal, Slot

from custode.desktop.view.action import Action, Do
from custode.desktop.windows import registry
from custode.desktop.windows.calls import Call
from custode.locale import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from PySide6.QtWidgets import QApplication

    from custode.desktop.theme import Theme
    from custode.desktop.windows.calls import Done, Failed, Progress
    from custode.desktop.windows.window import Window
    from custode.errors import CustodeError
    from custode.paths import Paths


def _nothing() -> None:
    """Stand in for a link that is not there."""


class Desk(QObject):
    """Made once; every window is given it."""

    changed = Signal()
    """There is a new `status`, or none can be had any more (`why`)."""
    language_changed = Signal()
    happened = Signal(dict)
    """An event of the agent, {"name", …}."""
    _status_came = Signal(object, object)
    _event_came = Signal(object)

    def __init__(self, app: QApplication, theme: Theme, paths: Paths) -> None:
        super().__init__()
        self.app = app
        self.theme = theme
        self.paths = paths
        self.status: dict[str, Any] = {}
        """The agent's last; empty before the first."""
        self.why: CustodeError | None = None
        """Why there is none now: the agent is not there."""
        self.refresh: Callable[[], None] = _nothing
        """Looks for the agent anew, at once."""
        self._windows: dict[str, Window] = {}
        queued = Qt.ConnectionType.QueuedConnection
        self._status_came.connect(self.take_status, queued)
        self._event_came.connect(self._take_event, queued)

    # --- what the agent says; called from the link's thread ---

    def on_status(self, status: dict[str, Any] | None, why: CustodeError | None) -> None:
        """Take a status, or None with what is wrong."""
        self._status_came.emit(status, why)

    def on_event(self, event: dict[str, Any]) -> None:
        """Take an event."""
        self._event_came.emit(event)

    @Slot(object, object)
    def take_status(self, status: dict[str, Any] | None, why: CustodeError | None) -> None:
        """Take it on Qt's own thread."""
        if status is not None:
            self.status = status
            agent = status.get("agent") or {}
            if "language" in agent:  # none chosen: that of the desktop's own locale
                self.use_language(agent["language"] or catalogue.detect())
            for call in self.findChildren(Call):
                call.follow(status)
        self.why = why
        self.changed.emit()

    @Slot(object)
    def _take_event(self, event: dict[str, Any]) -> None:
        self.happened.emit(event)

    # --- language ---

    def use_language(self, language: str) -> None:
        """Speak that from now on, in every window."""
        if language != catalogue.current():
            catalogue.use(language)
            self.language_changed.emit()

    # --- windows ---

    def open(self, name: str, /, **args: str) -> Window:
        """Open that window; one that is open already comes to the front."""
        window = self._windows.get(name)
        if window is None or not window.again(args):
            if window is not None:  # about something else, with nothing to lose
                window.closing()
                window.hide()
                window.deleteLater()
            window = self._windows[name] = registry.load(name)(self, args)
            window.name = name
            window.closed.connect(self._forget)
            window.refill()
        window.present()
        return window

    def do(self, action: Action) -> None:
        """Do what a button or an item of a menu stands for."""
        match action.do:
            case Do.OPEN:
                self.open(action.name, **action.args)
            case Do.LANGUAGE:
                self.call("language.set", {"language": action.name}, failed=self._complain)
            case Do.SNOOZE:
                self.call("need.snooze", {"key": action.name}, failed=self._complain)
            case Do.QUIT:
                self.app.closeAllWindows()

    @Slot(str)
    def _forget(self, name: str) -> None:
        if (window := self._windows.pop(name, None)) is not None:
            window.deleteLater()

    def _complain(self, error: CustodeError) -> None:
        """Tell what went wrong with something that has no window of its own."""
        from custode.desktop.windows.question import tell

        tell(self.app.activeWindow(), error)

    # --- calls ---

    def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        progress: Progress | None = None,
        done: Done | None = None,
        failed: Failed | None = None,
    ) -> Call:
        """Call the agent; what is given is called on Qt's thread."""
        call = Call(self.paths, method, params or {}, self)
        for signal, slot in (
            (call.progress, progress),
            (call.done, done),
            (call.failed, failed),
        ):
            if slot is not None:
                signal.connect(slot)
        call.over.connect(call.deleteLater)
        call.start()
        return call
