"""Which token the dialog is about, and the tries it has left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout

from custode.desktop.parts import label, picture
from custode.locale.catalogue import t, tn

if TYPE_CHECKING:
    from custode.desktop.pin_dialog.asked import Asked
    from custode.desktop.theme import Theme

FEW: Final = 2  # tries left from which on it is told with more weight


def attempts(asked: Asked) -> QLabel | None:
    """How many tries are left; the last one has more to say (see the dialog)."""
    left = asked.attempts_remaining
    if left is None:
        return None
    looks = {0: "dangerChip", 1: "dangerChip", FEW: "warningChip"}
    return label(tn("{n} try left", "{n} tries left", left), looks.get(left, "chip"))


def token_card(theme: Theme, asked: Asked) -> QFrame:
    """Which token: its label, its serial, the tries it has left."""
    card = QFrame()
    card.setObjectName("card")
    row = QHBoxLayout(card)
    row.setContentsMargins(14, 11, 14, 11)
    row.setSpacing(12)
    row.addWidget(picture(theme, "token", "muted", 28))
    words = QVBoxLayout()
    words.setSpacing(2)
    words.addWidget(label(asked.label or "–", "strong", wraps=True))
    words.addWidget(label(t("Serial {serial}", serial=asked.serial or "–"), "muted", wraps=True))
    row.addLayout(words, 1)
    if (left := attempts(asked)) is not None:
        row.addWidget(left)
    return card
