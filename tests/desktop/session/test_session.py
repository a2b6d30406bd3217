"""The desktop of the tests itself: with a program that is not ours, it sees and does everything."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.desktop.session.desktop import Desktop
from tests.desktop.session.node import Missing
from tests.desktop.session.programs import running

PROGRAM = """
import sys
from PySide6.QtWidgets import *
from PySide6.QtGui import QIcon, QPixmap

app = QApplication(sys.argv)
window = QDialog(windowTitle="Trial")
form = QFormLayout(window)
name = QLineEdit(accessibleName="Name")
fruit = QComboBox()
fruit.addItems(["apple", "pear"])
colour = QListWidget(accessibleName="Colour")
colour.addItems(["red", "blue"])
go = QPushButton("&Go", enabled=False)
said = QLabel("nothing")
name.textChanged.connect(lambda text: go.setEnabled(bool(text)))
go.clicked.connect(lambda: said.setText(
    f"{name.text()} {fruit.currentText()} {colour.currentItem().text()}"))
form.addRow(name)
form.addRow("&Fruit", fruit)
for row in (colour, go, said):
    form.addRow(row)
window.show()

pixmap = QPixmap(16, 16)
pixmap.fill("red")
tray = QSystemTrayIcon(QIcon(pixmap), toolTip="a trial")
menu = QMenu()
more = menu.addMenu("&More")
more.addAction("Tell", lambda: tray.showMessage("Told", "you are"))
more.addAction("Not_now").setEnabled(False)
menu.addSeparator()
menu.addAction("Quit", app.quit)
tray.setContextMenu(menu)
tray.show()
app.exec()
"""


@pytest.fixture
def program(desktop: Desktop) -> Iterator[subprocess.Popen[bytes]]:
    # so that Qt draws its tray icon by StatusNotifierItem
    environment = desktop.environment(XDG_CURRENT_DESKTOP="KDE")
    with running([sys.executable, "-c", PROGRAM], environment) as started:
        yield started


def test_windows_are_read_and_worked(desktop: Desktop, program: subprocess.Popen[bytes]) -> None:
    window = desktop.reader.window("Trial")
    assert not window.tree().control("Go").enabled
    window.write("Name", "Anna")
    window.choose("Fruit", "pear")
    window.choose("Colour", "blue")
    window.press("Go")
    window.until_says("Anna pear blue")
    window.focus("Name")
    desktop.keyboard.type("aB-9")
    window.until(lambda _tree: window.text("Name").endswith("aB-9"), "what was typed")
    with pytest.raises(Missing, match="push button: Go"):
        window.tree().control("Stop")
    desktop.keyboard.press("Escape")
    window.until_closed()
    assert desktop.reader.windows() == []


def test_tray_and_notifications(desktop: Desktop) -> None:
    command = [sys.executable, "-c", PROGRAM]
    environment = desktop.environment(XDG_CURRENT_DESKTOP="KDE")
    with (
        desktop.tray() as tray,
        desktop.notifications() as bubbles,
        running(command, environment) as program,
    ):
        item = tray.item()
        assert item.until(lambda shown: shown.title or shown.id, "its name").status == "Active"
        assert item.labels() == ["More", "Tell", "Notnow", "Quit"]
        with pytest.raises(ValueError, match="cannot be clicked"):
            item.click("More", "Notnow")
        with pytest.raises(LookupError, match="More"):
            item.click("Less")
        item.click("More", "Tell")
        bubble = bubbles.until(lambda bubble: bubble.summary == "Told", "what was told")
        assert (bubble.body, bubble.urgency) == ("you are", "low")
        tray.leave()
        tray.come_back()
        tray.item().click("Quit")
        tray.until_empty()
        assert program.wait(20) == 0
