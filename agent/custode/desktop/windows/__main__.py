"""`python -m custode.desktop.windows NAME [key=value…]`: opens a window, here or where one is."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from custode.confinement import forbid_core_dumps
from custode.desktop.opening import tell
from custode.desktop.windows.instance import Instance
from custode.locale import catalogue, choice
from custode.paths import Paths

if TYPE_CHECKING:
    from types import TracebackType

    from PySide6.QtWidgets import QApplication

    from custode.desktop.windows.desk import Desk
    from custode.errors import CustodeError

_PATIENCE_S: Final = 10.0
_AGAIN_S: Final = 0.05
_MOMENT_S: Final = 0.1


def main(arguments: list[str]) -> int:
    """Open what is named; the panel without a name."""
    forbid_core_dumps()
    sys.excepthook = kept
    paths = Paths.find()
    choice.follow(paths.language)
    paths.make()
    name, *pairs = arguments or ["panel"]
    args = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    instance = Instance(paths)
    until = time.monotonic() + _PATIENCE_S
    while not instance.take():  # another one is it, or is just ending
        if tell(paths, name, args):
            return 0
        if time.monotonic() > until:
            return 1
        time.sleep(_AGAIN_S)
    try:
        return _show(paths, instance, name, args)
    finally:
        instance.close()


def kept(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Keep the trace of what nobody foresaw: whoever opened a window reads no standard error."""
    from custode.unexpected import keep_trace

    keep_trace(error)
    sys.__excepthook__(kind, error, trace)


class _Mail:
    """Takes what the agent says from the first moment on, while Qt is still being loaded."""

    def __init__(self) -> None:
        self._desk: Desk | None = None
        self._kept: tuple[Any, Any] | None = None
        self._lock = threading.Lock()
        self._came = threading.Event()

    def on_status(self, status: dict[str, Any] | None, why: CustodeError | None) -> None:
        with self._lock:
            self._kept = status, why
            if self._desk is not None:
                self._desk.on_status(status, why)
        self._came.set()

    def on_event(self, event: dict[str, Any]) -> None:
        if self._desk is not None:
            self._desk.on_event(event)

    def deliver(self, desk: Desk) -> None:
        """Hand over what came; from now on it goes there by itself.

        The first word is waited for a moment: a window that fills at once does not flicker.
        """
        self._came.wait(_MOMENT_S)
        with self._lock:
            self._desk = desk
            if self._kept is not None:
                desk.take_status(*self._kept)


def _show(paths: Paths, instance: Instance, name: str, args: dict[str, str]) -> int:
    from custode.desktop.link import Link

    mail = _Mail()
    link = Link(paths, mail.on_status, mail.on_event, name="custode-windows")
    link.start()

    from PySide6.QtCore import QSocketNotifier
    from PySide6.QtWidgets import QApplication

    from custode.desktop.theme import Theme
    from custode.desktop.windows.desk import Desk

    app = QApplication(["custode"])
    app.setApplicationName("Custode")
    app.setDesktopFileName("custode")
    desk = Desk(app, Theme(app), paths)
    notifier = QSocketNotifier(instance.fileno(), QSocketNotifier.Type.Read)

    def opened(what: str, how: dict[str, str]) -> None:
        desk.open(what, **how)

    def front() -> bool:
        return app.activeWindow() is not None

    notifier.activated.connect(lambda: instance.serve(opened, front))
    desk.refresh = link.refresh
    translating(app, desk)
    mail.deliver(desk)
    desk.open(name, **args)
    status = app.exec()
    notifier.setEnabled(False)
    link.close()
    app.shutdown()
    return status


def translating(app: QApplication, desk: Desk) -> None:
    """Have Qt's own texts (file dialogs, menus of fields) follow the language."""
    from PySide6.QtCore import QLibraryInfo, QTranslator

    place = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    translator = QTranslator(app)

    def follow() -> None:
        app.removeTranslator(translator)
        if translator.load(f"qtbase_{catalogue.current()}", place):
            app.installTranslator(translator)

    follow()
    desk.language_changed.connect(follow)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    # Qt lets go of what was copied after Python has ended, and would call into it.
    os._exit(code)
