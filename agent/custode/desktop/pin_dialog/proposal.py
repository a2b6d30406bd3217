"""The offer of a PIN that nobody can guess, and what to do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from custode.desktop import parts
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from custode.desktop.theme import Theme


class Proposal(QWidget):
    """`name`: what the client calls the offer; `wanted` and `copied` when a button is pressed."""

    wanted = Signal()
    copied = Signal()

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        offer = parts.button(name, "quiet")
        offer.setIcon(theme.icon("generate", "accent"))
        offer.clicked.connect(self.wanted)
        self._copy = parts.button(t("Copy"), "quiet")
        self._copy.setIcon(theme.icon("copy", "accent"))
        self._copy.clicked.connect(self._do_copy)
        self._next = parts.label(
            t(
                "Write it down and keep it somewhere else than what it protects, then type it"
                " below: nobody can give it back to you."
            ),
            "muted",
            wraps=True,
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        row = QHBoxLayout()
        row.addWidget(offer)
        row.addWidget(self._copy)
        row.addStretch(1)
        column.addLayout(row)
        column.addWidget(self._next)
        self._copy.hide()
        self._next.hide()

    def tell_next(self) -> None:
        """Say what to do with the one that is shown now."""
        self._copy.show()
        self._next.show()

    def _do_copy(self) -> None:
        self._copy.setText(t("Copied"))
        self.copied.emit()
