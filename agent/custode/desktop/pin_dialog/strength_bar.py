"""How strong a new secret is: a bar, and a word for those who do not see its colour."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from custode.desktop import parts
from custode.locale.catalogue import mark, t

_LEVELS: Final = (
    (50, "low", "danger", mark("weak")),
    (85, "middle", "warning", mark("fair")),
    (101, "high", "good", mark("strong")),
)


class StrengthBar(QWidget):
    """`name`: what the client calls it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 100)
        self._bar.setAccessibleName(name)
        self._word = parts.label("", "muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 0, 2, 0)
        row.setSpacing(10)
        row.addWidget(self._bar, 1)
        row.addWidget(self._word)
        self.tell(None)

    def tell(self, quality: int | None) -> None:
        """Show -100 to 100, negative for what the client will refuse; None: nothing to show."""
        known = quality or 0
        level, colour, word = next(
            (level, colour, t(word)) for below, level, colour, word in _LEVELS if known < below
        )
        if known < 0:
            level, colour, word = "low", "danger", t("not enough")
        self._bar.setValue(abs(known))
        self._bar.setProperty("level", level)
        self._word.setObjectName(colour if known else "muted")
        self._word.setText(f"{self._name}: {word if known else '–'}")
        self._bar.setAccessibleDescription(self._word.text())
        for widget in (self._bar, self._word):  # the sheet looks at names and properties only then
            widget.style().unpolish(widget)
            widget.style().polish(widget)
