"""A field for a secret with the button that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from custode.desktop import parts
from custode.desktop.pin_dialog.field import SecretField
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from custode.desktop.theme import Theme

_SIGN = 20


class Entry(QWidget):
    """`title` stands above it (empty: nothing does); `name` is what assistive programs say."""

    def __init__(self, theme: Theme, title: str, name: str) -> None:
        super().__init__()
        self._theme = theme
        self._name = name
        self.field = SecretField(name)
        self._eye = QToolButton()
        self._eye.setCheckable(True)
        self._eye.setIconSize(QSize(_SIGN, _SIGN))
        self._eye.toggled.connect(self._show)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        if title:
            above = parts.label(title, wraps=True)
            above.setBuddy(self.field)
            column.addWidget(above)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.field, 1)
        row.addWidget(self._eye)
        column.addLayout(row)
        self._show(shown=False)

    def reveal(self) -> None:
        """Show what is in it, as if the person had asked."""
        self._eye.setChecked(True)

    def _show(self, shown: bool) -> None:  # noqa: FBT001 - Qt's signal
        self.field.show_characters(shown=shown)
        self._eye.setIcon(self._theme.icon("hide" if shown else "show", "muted", _SIGN))
        does = t("Hide what is typed") if shown else t("Show what is typed")
        self._eye.setToolTip(does)
        self._eye.setAccessibleName(f"{does} – {self._name}")
