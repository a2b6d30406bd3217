"""Folders in the windows about backups: as cards to choose from, and shown in a file manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QWidget

from custode.desktop.windows.choices import Choice

if TYPE_CHECKING:
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


def opened(path: str) -> bool:
    """Whether something could be started that shows that folder."""
    return QDesktopServices.openUrl(QUrl.fromLocalFile(path))
