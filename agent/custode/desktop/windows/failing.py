"""An error in a window: what happened, what is unchanged, what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from custode.desktop.view import failure
from custode.desktop.windows.pieces import Banner, Kind, pressed, text
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from collections.abc import Callable

    from custode.desktop.windows.desk import Desk
    from custode.errors import CustodeError


class Failed(QWidget):
    """The error's card. `again`: does the same once more; True: also with the last attempt."""

    def __init__(
        self, desk: Desk, error: CustodeError, again: Callable[[bool], None] | None = None
    ) -> None:
        super().__init__()
        told = failure.tell(error)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        buttons: list[QWidget] = []
        if told.action is not None and told.button:
            action = told.action
            buttons.append(pressed(told.button, lambda: desk.do(action)))
        kind = Kind.INFO if told.cancelled else Kind.DANGER
        hint = "\n".join((told.hint, *told.reasons)).strip()
        layout.addWidget(Banner(desk.theme, kind, told.message, hint, buttons))
        if told.last_attempt and again is not None:
            layout.addWidget(_LastAttempt(again))


class _LastAttempt(QWidget):
    """The explicit yes without which the last try is never sent."""

    def __init__(self, again: Callable[[bool], None]) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.yes = QCheckBox(t("I know; use the last try"))
        self.yes.setAccessibleDescription(t("This is the LAST try: a wrong PIN locks it."))
        self.go = pressed(t("Try with the last attempt"), lambda: again(True))
        self.go.setEnabled(False)
        self.yes.toggled.connect(self.go.setEnabled)
        layout.addWidget(text(t("This is the LAST try: a wrong PIN locks it."), "danger"))
        layout.addWidget(self.yes)
        layout.addWidget(self.go)
