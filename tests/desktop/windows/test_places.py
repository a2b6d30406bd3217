"""Folders and files are chosen in dialogs that remember nothing, and sticks are noticed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QWidget
from tests.unit.drivers.test_watches import can_mount

from custode.desktop.theme import Theme
from custode.desktop.windows.picking import pick_files, pick_folder
from custode.locale.catalogue import use


@pytest.fixture
def parent(theme: Theme) -> QWidget:
    use("it")
    return QWidget()


def play(act: Callable[[QFileDialog], None], title: str) -> None:
    """Once the dialog is there."""

    def look() -> None:
        found = [one for one in QApplication.topLevelWidgets() if isinstance(one, QFileDialog)]
        shown = [one for one in found if one.isVisible()]
        if not shown:
            QTimer.singleShot(20, look)
            return
        assert shown[0].windowTitle() == title
        act(shown[0])

    QTimer.singleShot(0, look)


def test_a_folder_is_chosen_and_nothing_remembered(parent: QWidget, tmp_path: Path) -> None:
    (tmp_path / "COPIE").mkdir()

    def choose(dialog: QFileDialog) -> None:
        field = dialog.findChild(QLineEdit, "fileNameEdit")
        assert field is not None
        field.setText("COPIE")
        dialog.accept()

    play(choose, "Dove?")
    assert pick_folder(parent, "Dove?", str(tmp_path)) == str(tmp_path / "COPIE")
    place = QSettings(QSettings.Scope.UserScope, "QtProject").fileName()
    assert place.startswith(os.devnull)
    play(QFileDialog.reject, "Quali?")
    assert pick_files(parent, "Quali?") == []


NOTICING = """
import subprocess, sys
from PySide6.QtCore import QCoreApplication, QTimer
from custode.desktop.windows.mounts import Mounts
app = QCoreApplication([])
mounts = Mounts(app)
mounts.changed.connect(lambda: (print("changed"), app.quit()))
mount = ["mount", "-t", "tmpfs", "none", sys.argv[1]]
QTimer.singleShot(0, lambda: subprocess.run(mount, check=True))
QTimer.singleShot(20_000, app.quit)
app.exec()
mounts.close()
"""


@pytest.mark.skipif(not can_mount(), reason="this system lets nobody mount here")
def test_a_stick_is_noticed(tmp_path: Path) -> None:
    told = subprocess.run(
        ["unshare", "-m", sys.executable, "-c", NOTICING, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert told.stdout == "changed\n"
