"""The pieces of which every window is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from custode.desktop.theme import Theme

_BADGE: Final = 26
_SMALL: Final = 16


def label(text: str, look: str = "", *, wraps: bool = False) -> QLabel:
    """Some text, shown as it comes: never as HTML."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wraps)
    made.setObjectName(look)
    return made


def picture(theme: Theme, name: str, colour: str, size: int) -> QLabel:
    """One of our signs; ornament beside words, so without a name of its own."""
    made = QLabel()
    made.setPixmap(
        theme.pixmap(name, colour, size, QGuiApplication.primaryScreen().devicePixelRatio())
    )
    made.setFixedSize(QSize(size, size))
    return made


def button(text: str, look: str = "") -> QPushButton:
    """A button with the client's words: `_` before the letter of its shortcut (pinentry manual)."""
    marked = text.replace("&", "&&").replace("__", "\0").replace("_", "&").replace("\0", "_")
    made = QPushButton(marked)
    made.setAccessibleName(text.replace("__", "\0").replace("_", "").replace("\0", "_"))
    made.setObjectName(look)
    made.setAutoDefault(False)
    return made


class Heading(QWidget):
    """What is asked, and why."""

    def __init__(
        self, theme: Theme, sign: str, headline: str, text: str, colour: str = "accent"
    ) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(14)
        row.addWidget(picture(theme, sign, colour, _BADGE), 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(label(headline, "headline", wraps=True))
        if text:
            words.addWidget(label(text, "muted", wraps=True))
        row.addLayout(words, 1)


class Note(QWidget):
    """A short line with a sign."""

    def __init__(self, theme: Theme, sign: str, colour: str, text: str) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(picture(theme, sign, colour, _SMALL), 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(label(text, colour, wraps=True), 1)


class Alarm(QFrame):
    """What went wrong, or may; hidden while there is nothing to say."""

    def __init__(self, theme: Theme, text: str) -> None:
        super().__init__()
        self.setObjectName("dangerCard")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 10, 12, 10)
        row.setSpacing(10)
        row.addWidget(picture(theme, "warning", "danger", 20), 0, Qt.AlignmentFlag.AlignTop)
        self.body = QVBoxLayout()
        self.body.setSpacing(6)
        self.told = label("", "strong", wraps=True)
        self.body.addWidget(self.told)
        row.addLayout(self.body, 1)
        self.say(text)

    def say(self, text: str) -> None:
        """Say that; nothing: be gone."""
        self.told.setText(text)
        self.told.setAccessibleName(text)
        if not text:
            self.hide()
        elif self.parentWidget() is not None:  # without one it would be a window of its own
            self.show()
