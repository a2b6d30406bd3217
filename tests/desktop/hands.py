"""What a person does with a window: finds things by the names that assistive programs read."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAccessible, QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget

SHIFT: Final = Qt.KeyboardModifier.ShiftModifier


def names(window: QWidget) -> dict[str, QWidget]:
    """Everything that can be reached with Tab, by its name in the accessibility tree."""
    reachable = [
        widget
        for widget in window.findChildren(QWidget)
        if widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
    ]
    found = {name(widget): widget for widget in reachable}
    assert len(found) == len(reachable), "two controls of one name"
    return found


def name(widget: QWidget) -> str:
    told = QAccessible.queryAccessibleInterface(widget)
    assert told is not None
    return told.text(QAccessible.Text.Name)


def find(window: QWidget, wanted: str) -> QWidget:
    """The control of that name."""
    found = names(window)
    assert wanted in found, sorted(found)
    return found[wanted]


def type_into(window: QWidget, wanted: str, text: str) -> None:
    write(find(window, wanted), text)


def write(widget: QWidget, text: str) -> None:
    """Type it, key by key; QTest itself types only ASCII."""
    for character in text:
        key = Qt.Key.Key_Backspace if character == "\b" else Qt.Key.Key_unknown
        held = SHIFT if character.isupper() else Qt.KeyboardModifier.NoModifier
        for event in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            QApplication.sendEvent(widget, QKeyEvent(event, key, held, character))


def press(window: QWidget, wanted: str) -> None:
    """Press a button with the space bar, as it is done without a mouse."""
    button = find(window, wanted)
    assert isinstance(button, QAbstractButton)
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Space)


def texts(window: QWidget) -> list[str]:
    """What stands there to be read."""
    return [
        label.text() for label in window.findChildren(QLabel) if label.isVisible() and label.text()
    ]
