"""Pieces of the windows that end something: what ends, and the explicit yes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QCheckBox, QLineEdit, QWidget

from custode.desktop.parts import label
from custode.desktop.windows.folders import points
from custode.desktop.windows.pieces import card, column, text
from custode.desktop.windows.window import keyed

if TYPE_CHECKING:
    from collections.abc import Callable

    from custode.locale.endings import Part


def parts_card(part: Part) -> QWidget:
    """A sentence, and what it is about, each on a line of its own."""
    return card(text(part.text, "strong"), points(part.rows))


def agreed(words: str, so_far: bool, tell: Callable[[bool], None]) -> QWidget:  # noqa: FBT001 - as it stood
    """A box that has to be ticked before what cannot be undone is done."""
    box = QCheckBox(words.replace("&", "&&"))
    box.setAccessibleName(words)
    box.setChecked(so_far)
    box.toggled.connect(tell)
    return keyed(box, "agreed")


def typed(question: str, so_far: str, tell: Callable[[str], None]) -> QWidget:
    """A field into which a word has to be typed before what cannot be undone is done."""
    field = QLineEdit(so_far)
    field.setAccessibleName(question)
    field.textChanged.connect(tell)
    asked = label(question, "strong", wraps=True)
    asked.setBuddy(field)
    return column(asked, keyed(field, "typed"), gap=6)
