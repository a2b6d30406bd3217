"""Folders in the windows about backups: as cards to choose from, and shown in a file manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QWidget

from custode.desktop.parts import label
from custode.desktop.windows.choices import Choice
from custode.desktop.windows.pieces import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from custode.desktop.view.backup import Spot


def choice_of(spot: Spot) -> Choice:
    """The card of one place."""
    return Choice(spot.value, spot.title, spot.explanation, spot.why_not)


def left(widget: QWidget) -> QWidget:
    """At the left, no wider than it must be."""
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(widget)
    row.addStretch(1)
    return made


def points(lines: Sequence[str]) -> QWidget:
    """Some short sentences, each with a dot before it."""
    made = QWidget()
    grid = QGridLayout(made)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(8)
    grid.setVerticalSpacing(6)
    grid.setColumnStretch(1, 1)
    for place, line in enumerate(lines):
        grid.addWidget(label("•", "muted"), place, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(text(line), place, 1)
    return made


def opened(path: str) -> bool:
    """Whether something could be started that shows that folder."""
    return QDesktopServices.openUrl(QUrl.fromLocalFile(path))
