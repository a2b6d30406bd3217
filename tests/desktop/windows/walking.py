"""What is wrong with a window as it stands there: for whom cannot see it, or for whom can.

`python -m tests.desktop.windows.walking LANGUAGE` walks every situation in a process of its own
(QT_SCALE_FACTOR is read once) and tells what it finds as JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QRadioButton,
    QScrollArea,
    QWidget,
)
from tests.desktop.hands import name
from tests.desktop.windows.played import PlayedDesk, settle
from tests.desktop.windows.situations.table import Situation, show, situations

from custode.desktop.theme import Theme
from custode.desktop.windows.window import Window
from custode.locale.catalogue import use
from custode.paths import Paths

_LABELS: Final = QAccessible.RelationFlag.Label


def faults(window: Window) -> list[str]:
    """Everything that is wrong with it; the focus moves on the way."""
    return [*unnamed(window), *unfit(window), *unreached(window)]


def unfit(window: Window) -> list[str]:
    """What somebody would see at a glance."""
    return [*clipped(window), *overlapping(window)]


def called(widget: QWidget) -> str:
    """Its name for assistive programs: on Linux a combo box has it from its label alone."""
    if not isinstance(widget, QComboBox):
        return name(widget)
    told = QAccessible.queryAccessibleInterface(widget)
    assert told is not None
    labels = (other for other, kind in told.relations(_LABELS) if kind & _LABELS)
    return " ".join(label.text(QAccessible.Text.Name) for label in labels)


def controls(window: QWidget) -> list[QWidget]:
    """What can be worked, by a person who has no mouse."""
    return [
        widget
        for widget in window.findChildren(QWidget)
        if widget.isVisible()
        and widget.isEnabled()
        and widget.focusPolicy() & _TAB
        and not isinstance(widget.parentWidget(), QAbstractSpinBox)  # that is the control
    ]


_TAB: Final = Qt.FocusPolicy.TabFocus


def unnamed(window: QWidget) -> Iterator[str]:
    """Controls that assistive programs could only call “button”; two of one name."""
    seen: set[str] = set()
    for widget in controls(window):
        told = called(widget).strip()
        if not told:
            yield f"without a name: {_what(widget)}"
        elif told in seen:
            yield f"two controls of one name: {told!r}"
        seen.add(told)


def unreached(window: QWidget) -> Iterator[str]:
    """Controls where Tab never comes by; of radio buttons one of the group does, then arrows."""
    wanted = controls(window)
    window.activateWindow()
    settle()
    reached: set[QWidget] = set()
    for _ in range(2 * len(wanted) + 2):
        focused: QWidget | None = window.focusWidget()
        if focused is not None:
            reached.add(focused)
        QTest.keyClick(window if focused is None else focused, Qt.Key.Key_Tab)
    groups = {_group(widget) for widget in reached if isinstance(widget, QRadioButton)}
    for widget in wanted:
        if isinstance(widget, QRadioButton) and _group(widget) in groups:
            continue
        if widget not in reached:
            yield f"not reached with Tab: {_what(widget)}"


def _group(button: QRadioButton) -> object:
    group: object | None = button.group()
    return button.parentWidget() if group is None else group


def clipped(window: QWidget) -> Iterator[str]:
    """Texts that do not fit into what they were given, and what sticks out of its surroundings."""
    for widget in window.findChildren(QWidget):
        if not widget.isVisible():
            continue
        if isinstance(widget, QLabel) and widget.text():
            yield from _clipped_label(widget)
        elif isinstance(widget, QAbstractButton) and widget.text():
            least = widget.sizeHint()
            if widget.width() < least.width() or widget.height() < least.height():
                yield f"clipped button {widget.text()!r}: {_size(widget)} of {_size(least)}"
        elif isinstance(widget, QLineEdit) and widget.height() < widget.minimumSizeHint().height():
            yield f"clipped field: {_what(widget)}"
        parent = widget.parentWidget()
        if parent is None or widget.isWindow() or _scrolled(widget):
            continue
        if not parent.rect().contains(widget.geometry()):
            yield f"sticks out: {_what(widget)}, {widget.geometry()} of {parent.rect()}"


def _clipped_label(label: QLabel) -> Iterator[str]:
    room, least = label.size(), label.sizeHint()
    if label.wordWrap():
        high = label.heightForWidth(label.width())
        widest = max(map(label.fontMetrics().horizontalAdvance, label.text().split() or [""]))
        if room.height() < high:
            yield f"clipped text {label.text()!r}: {room.height()} high of {high}"
        if room.width() < widest + 2 * label.margin():
            yield f"clipped word in {label.text()!r}: {room.width()} wide of {widest}"
    elif room.width() < least.width() or room.height() < least.height():
        yield f"clipped text {label.text()!r}: {_size(room)} of {_size(least)}"


def overlapping(window: QWidget) -> Iterator[str]:
    """Texts and controls that lie on each other."""
    placed = [
        (widget, QRect(widget.mapTo(window, QPoint(0, 0)), widget.size()))
        for widget in window.findChildren(QWidget)
        if isinstance(widget, QLabel | QAbstractButton | QLineEdit | QComboBox)
        and widget.isVisible()
    ]
    for at, (one, place) in enumerate(placed):
        for other, there in placed[at + 1 :]:
            related = one.isAncestorOf(other) or other.isAncestorOf(one)
            if not related and place.intersects(there) and _same_scroll(one, other):
                yield f"{_what(one)} lies on {_what(other)}"


def _scrolled(widget: QWidget) -> bool:
    """Whether it is what a scroll area shows a part of."""
    parent = widget.parentWidget()
    area = parent.parentWidget() if parent is not None else None
    return isinstance(area, QScrollArea) and area.viewport() is parent


def _same_scroll(one: QWidget, other: QWidget) -> bool:
    return _area(one) is _area(other)


def _area(widget: QWidget | None) -> QScrollArea | None:
    while widget is not None and not isinstance(widget, QScrollArea):
        widget = widget.parentWidget()
    return widget


def _what(widget: QWidget) -> str:
    said = getattr(widget, "text", lambda: "")() or widget.accessibleName()
    return f"{type(widget).__name__} {widget.objectName()!r} {said!r}"


def _size(thing: QWidget | object) -> str:
    size = thing.size() if isinstance(thing, QWidget) else thing
    return f"{size.width()}×{size.height()}"  # type: ignore[attr-defined] # QSize


def walk(app: QApplication, theme: Theme, language: str) -> dict[str, list[str]]:
    """Show every situation; what does not fit, by its name."""
    found = {}
    use(language)
    with tempfile.TemporaryDirectory() as home:
        for title, situation in situations().items():
            desk = PlayedDesk(app, theme, Paths.at(Path(home)))
            found[title] = unfit(opened(desk, situation))
            desk.close_all()
            desk.deleteLater()
    return {title: wrong for title, wrong in found.items() if wrong}


def opened(desk: PlayedDesk, situation: Situation) -> Window:
    """The window in that situation, drawn."""
    window = show(desk, situation)
    settle()
    return window


def main() -> None:
    app = QApplication(["walking"])
    json.dump(walk(app, Theme(app), sys.argv[1]), sys.stdout)
    app.shutdown()


if __name__ == "__main__":
    main()
