"""A line to type into, with its name above it and what is wrong with it below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from custode.desktop.parts import label
from custode.desktop.windows.pieces import announce, text
from custode.desktop.windows.window import keyed

if TYPE_CHECKING:
    from collections.abc import Callable


class Field(QWidget):
    """`edited` at every key; its fault is told when one has gone on, and goes as it is mended."""

    edited = Signal(str)

    left = Signal()

    def __init__(
        self,
        name: str,
        value: str,
        hint: str = "",
        fault: Callable[[], str] = lambda: "",
        *,
        seen: bool = False,
    ) -> None:
        """`fault`: what is wrong with it now, asked after `edited`; `seen`: told from the start."""
        super().__init__()
        self._hint = hint
        self._fault = fault
        self.line = QLineEdit(value)
        self.line.setAccessibleName(name)
        above = label(name, "strong")
        above.setBuddy(self.line)
        self._below = text("", "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (above, keyed(self.line, name), self._below):
            layout.addWidget(widget)
        self.line.textChanged.connect(self._edit)  # an assistive program does not edit, it sets
        self.line.editingFinished.connect(self._finish)
        self._tell(fault() if value and seen else "")

    def _edit(self, typed: str) -> None:
        self.edited.emit(typed)
        if not self._fault() or not typed:
            self._tell("")

    def _finish(self) -> None:
        fault = self._fault() if self.line.text() else ""
        self._tell(fault)
        self.left.emit()
        if fault:
            announce(self.line, fault)

    def _tell(self, fault: str) -> None:
        self._below.setText(fault or self._hint)
        self._below.setObjectName("danger" if fault else "muted")
        self._below.setVisible(bool(fault or self._hint))
        self.line.setProperty("fault", bool(fault))
        self.line.setAccessibleDescription(fault or self._hint)
        for widget in (self._below, self.line):
            widget.style().unpolish(widget)
            widget.style().polish(widget)
