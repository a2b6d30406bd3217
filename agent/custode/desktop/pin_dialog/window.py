"""The application behind the dialogs: one for a whole conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication

from custode.desktop.pin_dialog.confirm import ConfirmDialog
from custode.desktop.pin_dialog.dialog import PinDialog
from custode.desktop.theme import Theme

if TYPE_CHECKING:
    from custode.desktop.pin_dialog.asked import Asked, Client, Ending
    from custode.prompts.secret import Secret


class QtWindow:
    """Shows each question in a window of its own."""

    def __init__(self) -> None:
        self._app = QApplication(["custode-pin"])  # the client's arguments are not Qt's
        self._app.setApplicationName("Custode")
        self._app.setDesktopFileName("custode")
        self._app.setQuitOnLastWindowClosed(False)
        self._theme = Theme(self._app)

    def ask(self, asked: Asked, client: Client, secret: Secret) -> Ending:
        dialog = PinDialog(asked, client, self._theme)
        try:
            return dialog.answer(secret)
        finally:
            self._forget(dialog)

    def confirm(self, asked: Asked, client: Client, *, one_button: bool) -> Ending:
        dialog = ConfirmDialog(asked, client, self._theme, one_button=one_button)
        try:
            return dialog.answer()
        finally:
            self._forget(dialog)

    def close(self) -> None:
        """End in order: what Qt still has is let go while there is an application."""
        self._app.shutdown()

    def _forget(self, dialog: PinDialog | ConfirmDialog) -> None:
        """Take it from the screen now: no loop of events runs between two questions."""
        dialog.hide()
        dialog.deleteLater()
        self._app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        self._app.processEvents()
