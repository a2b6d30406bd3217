"""Every window in every situation of the table: named, reached, not clipped, in both languages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QWidget,
)
from tests.desktop.windows.played import PlayedDesk, settle
from tests.desktop.windows.situations.table import situations
from tests.desktop.windows.walking import faults, opened, unfit

from custode.desktop.windows import registry
from custode.desktop.windows.window import Window
from custode.locale.catalogue import use

SCREEN = {"name": "laptop", "x": 0, "y": 0, "width": 1920, "height": 1080, "logicalDpi": 96}


class Bad(Window):
    """Has everything wrong that is looked for."""

    def title(self) -> str:
        return "Bad"

    def fill(self) -> QWidget:
        content = QWidget()
        content.setMinimumSize(400, 300)
        for at, widget in enumerate(
            (QLineEdit(), QComboBox(), QPushButton("Go"), QPushButton("Go"))
        ):
            widget.setParent(content)
            widget.move(10, 10 + 50 * at)
        trap = QPlainTextEdit(content)  # takes Tab as a character
        trap.setAccessibleName("Trap")
        trap.setGeometry(10, 210, 60, 30)
        QPushButton("Behind", content).move(10, 255)
        small = QLabel("too small a place", content)
        small.setGeometry(150, 10, 20, 10)
        long = QLabel("a long text that wraps more often than there are lines", content)
        long.setWordWrap(True)
        long.setGeometry(150, 60, 60, 20)
        over = QLabel("on another", content)
        over.move(160, 65)
        QLabel("outside", content).move(-9, 200)
        return content


def test_what_is_wrong_is_found(desk: PlayedDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "load", lambda name: Bad)
    found = faults(desk.open("bad"))
    for wrong in (
        "without a name: QLineEdit",
        "without a name: QComboBox",
        "two controls of one name: 'Go'",
        "not reached with Tab: QPushButton '' 'Behind'",
        "clipped text 'too small a place'",
        "clipped text 'a long text",
        "QLabel '' 'a long text that wraps more often than there are lines' lies on QLabel",
        "sticks out: QLabel '' 'outside'",
    ):
        assert any(fault.startswith(wrong) for fault in found), (wrong, found)


def test_every_window_has_a_situation() -> None:
    shown = {situation.window for situation in situations().values()}
    assert set(registry.WINDOWS) - shown == set()


def test_whole_on_a_laptop_at_200_percent(tmp_path: Path) -> None:
    screens = tmp_path / "screens.json"
    screens.write_text(json.dumps({"screens": [SCREEN]}))
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": f"offscreen:configfile={screens}",
        "QT_SCALE_FACTOR": "2",
    }
    told = subprocess.run(
        [sys.executable, "-m", "tests.desktop.windows.walking", "it"],
        env=environment,
        stdout=subprocess.PIPE,
        timeout=100,
        check=True,
    )
    assert json.loads(told.stdout) == {}


@pytest.mark.parametrize("name", sorted(situations()))
def test_named_reached_whole_and_switched_live(desk: PlayedDesk, name: str) -> None:
    """What was opened in English says in Italian what it would have said from the start."""
    situation = situations()[name]
    use("en")
    window = opened(desk, situation)
    in_english = unfit(window)
    desk.use_language("it")
    settle()
    switched = said(window)
    desk.close_all()
    window = opened(desk, situation)
    assert switched == said(window)
    assert in_english + faults(window) == []


def said(window: QWidget) -> dict[str, list[str]]:
    labels = window.findChildren(QLabel)
    return {
        "title": [window.windowTitle()],
        "texts": [label.text() for label in labels if label.isVisible() and label.text()],
        "buttons": [
            button.text() for button in window.findChildren(QAbstractButton) if button.isVisible()
        ],
    }
