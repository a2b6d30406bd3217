"""Qt's own dialogs for a folder or some files; they remember nothing.

Qt's, not the desktop's: they speak the language that was chosen here, look like our windows, and
can be reached by assistive programs like them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QDir, QSettings
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QFileDialog, QToolButton

from custode.locale.catalogue import t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QWidget


_ARROWS: Final = {"backButton": "←", "forwardButton": "→", "toParentButton": "↑"}


def pick_folder(parent: QWidget, title: str, start: str = "") -> str:
    """A folder; empty when the person chose none."""
    dialog = _dialog(parent, title, start)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    return next(iter(_chosen(dialog)), "")


def pick_file(parent: QWidget, title: str, kinds: Sequence[str]) -> str:
    """One file of some kinds (`Words (*.pem *.crt)`); empty when the person chose none."""
    dialog = _dialog(parent, title, "")
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilters(kinds)
    return next(iter(_chosen(dialog)), "")


def pick_files(parent: QWidget, title: str) -> list[str]:
    """Some files; none when the person chose none."""
    dialog = _dialog(parent, title, "")
    dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
    return _chosen(dialog)


def _dialog(parent: QWidget, title: str, start: str) -> QFileDialog:
    # Qt would write where one was and what one chose into its own settings.
    QSettings.setPath(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, os.devnull)
    dialog = QFileDialog(parent, title, start or QDir.homePath())
    dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
    dialog.setOption(QFileDialog.Option.DontUseCustomDirectoryIcons)
    dialog.setViewMode(QFileDialog.ViewMode.List)
    label = QFileDialog.DialogLabel
    for which, words in (
        (label.LookIn, t("Look in")),
        (label.FileName, t("Name")),
        (label.FileType, t("Show")),
        (label.Accept, t("Choose")),
        (label.Reject, t("Cancel")),
    ):
        dialog.setLabelText(which, words)
    for name, arrow in _ARROWS.items():  # Fusion's own are black, on a dark window too
        if (button := dialog.findChild(QToolButton, name)) is not None:
            button.setIcon(QIcon())
            button.setText(arrow)
    return dialog


def _chosen(dialog: QFileDialog) -> list[str]:
    try:
        return dialog.selectedFiles() if dialog.exec() else []
    finally:
        dialog.setHistory([])
        dialog.deleteLater()
