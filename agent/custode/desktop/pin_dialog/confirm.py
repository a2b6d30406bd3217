"""The window of CONFIRM and MESSAGE, which other clients of a pinentry use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSocketNotifier, QTimer
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from custode.desktop import parts
from custode.desktop.pin_dialog.asked import Ending
from custode.desktop.pin_dialog.sheet import Sheet
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

    from custode.desktop.pin_dialog.asked import Asked, Client
    from custode.desktop.theme import Theme


class ConfirmDialog(Sheet):
    """One text and its buttons; `ending` when it is closed."""

    def __init__(self, asked: Asked, client: Client, theme: Theme, *, one_button: bool) -> None:
        super().__init__(asked.title or "Custode")
        self.ending = Ending.CANCELLED
        headline, _, text = asked.text.partition("\n")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(22, 20, 22, 18)
        outer.setSpacing(12)
        outer.addWidget(parts.Heading(theme, "lock", headline, text.strip()))
        outer.addWidget(parts.Alarm(theme, asked.error))
        buttons = QHBoxLayout()
        buttons.setSpacing(10)
        buttons.addStretch(1)
        if not one_button:
            self._add(buttons, asked.cancel or t("Cancel"), Ending.CANCELLED)
            if asked.not_ok:
                self._add(buttons, asked.not_ok, Ending.REFUSED)
        self._add(buttons, asked.ok or t("OK"), Ending.OK, "primary")
        outer.addLayout(buttons)
        self._watch = QSocketNotifier(client.descriptor, QSocketNotifier.Type.Read, self)
        self._watch.activated.connect(self.reject)
        if asked.timeout_s:
            QTimer.singleShot(asked.timeout_s * 1000, self, lambda: self._end(Ending.TIMED_OUT))

    def answer(self) -> Ending:
        """Show it until it is answered."""
        self.exec()
        self._watch.setEnabled(False)
        return self.ending

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's own name
        super().showEvent(event)
        self.activateWindow()

    def _add(self, row: QHBoxLayout, text: str, ending: Ending, look: str = "") -> None:
        made = parts.button(text, look)
        made.clicked.connect(lambda: self._end(ending))
        made.setDefault(look == "primary")
        row.addWidget(made)

    def _end(self, ending: Ending) -> None:
        self.ending = ending
        self.done(0)
