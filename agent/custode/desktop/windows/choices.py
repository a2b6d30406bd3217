"""Cards to choose one of: each is a radio button with what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QRadioButton, QVBoxLayout, QWidget

from custode.desktop.windows.pieces import text
from custode.desktop.windows.window import KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QMouseEvent


@dataclass(frozen=True, slots=True)
class Choice:
    """One card. `why_not`: it is shown but cannot be chosen, and this says why."""

    value: str
    title: str
    explanation: str = ""
    why_not: str = ""


class _Card(QFrame):
    def __init__(self, choice: Choice, group: QButtonGroup, *, chosen: bool) -> None:
        super().__init__()
        self.choice = choice
        self.setObjectName("choice")
        self.radio = QRadioButton(choice.title.replace("&", "&&"))
        self.radio.setObjectName("choiceTitle")
        self.radio.setProperty(KEY, f"choice-{choice.value}")
        self.radio.setAccessibleName(choice.title)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 11, 14, 12)
        layout.setSpacing(3)
        layout.addWidget(self.radio)
        told = choice.why_not or choice.explanation
        if told:
            self.radio.setAccessibleDescription(told)
            words = text(told, "warning" if choice.why_not else "muted")
            words.setIndent(28)
            layout.addWidget(words)
        self.setEnabled(not choice.why_not)
        group.addButton(self.radio)
        self.radio.toggled.connect(self._tell)
        self.radio.setChecked(chosen)
        self._tell(chosen)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's own name
        """The whole card chooses."""
        if self.isEnabled():
            self.radio.setFocus()
            self.radio.setChecked(True)
        super().mousePressEvent(event)

    def _tell(self, chosen: bool) -> None:  # noqa: FBT001 - Qt's signal
        self.setProperty("chosen", chosen)
        self.style().unpolish(self)
        self.style().polish(self)


class Choices(QWidget):
    """Some cards; `chosen` tells the value of the one that was chosen last."""

    chosen = Signal(str)

    def __init__(self, name: str, choices: Sequence[Choice], value: str = "") -> None:
        """`name`: what is chosen, for assistive programs."""
        super().__init__()
        self.setAccessibleName(name)
        group = QButtonGroup(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self.cards = [_Card(one, group, chosen=one.value == value) for one in choices]
        for card in self.cards:
            layout.addWidget(card)
            card.radio.toggled.connect(self._toggled)

    def value(self) -> str:
        """The chosen one; empty: none."""
        return next((card.choice.value for card in self.cards if card.radio.isChecked()), "")

    def _toggled(self, on: bool) -> None:  # noqa: FBT001 - Qt's signal
        if on:
            self.chosen.emit(self.value())
