"""The pieces of which windows are made, beyond those of every dialog (desktop/parts.py)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from custode.desktop.parts import button, label, picture
from custode.desktop.windows.flow import flow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from custode.desktop.theme import Theme

_SIGN: Final = 20
MARGIN: Final = 24
GAP: Final = 14


def column(
    *rows: QWidget | None, gap: int = GAP, margins: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> QWidget:
    """Put widgets one under the other; what is None is left out."""
    made = QWidget()
    layout = QVBoxLayout(made)
    layout.setContentsMargins(*margins)
    layout.setSpacing(gap)
    for row in rows:
        if row is not None:
            layout.addWidget(row)
    return made


def card(*rows: QWidget | None, look: str = "card", gap: int = 8) -> QFrame:
    """Put widgets onto a card of their own."""
    made = QFrame()
    made.setObjectName(look)
    layout = QVBoxLayout(made)
    layout.setContentsMargins(18, 15, 18, 16)
    layout.setSpacing(gap)
    for row in rows:
        if row is not None:
            layout.addWidget(row)
    return made


def text(words: str, look: str = "") -> QLabel:
    """A paragraph."""
    return label(words, look, wraps=True)


def copyable(words: str, look: str = "") -> QLabel:
    """A text that can be marked and copied, by keyboard too: a path, a number."""
    made = label(words, look, wraps=True)
    made.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse
        | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    return made


def pressed(words: str, then: Callable[[], None], look: str = "") -> QPushButton:
    """A button and what it does; `_` is shown as it is."""
    made = button(words.replace("_", "__"), look)
    made.clicked.connect(lambda _checked: then())
    return made


def facts(rows: Iterable[tuple[str, str]]) -> QWidget:
    """Names and values beside each other; rows without a value are left out."""
    made = QWidget()
    grid = QGridLayout(made)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(18)
    grid.setVerticalSpacing(7)
    grid.setColumnStretch(1, 1)
    told = [(name, value) for name, value in rows if value]
    for place, (name, value) in enumerate(told):
        what, is_so = label(name, "muted"), copyable(value)
        is_so.setAccessibleName(f"{name}: {value}")
        grid.addWidget(what, place, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(is_so, place, 1)
    return made


class Kind(StrEnum):
    """What a banner is about: the sheet's names for its card, sign and colour."""

    DANGER = "danger"
    WARNING = "warning"
    GOOD = "good"
    INFO = "info"


_SIGNS: Final = {
    Kind.DANGER: ("warning", "danger"),
    Kind.WARNING: ("warning", "warning"),
    Kind.GOOD: ("done", "good"),
    Kind.INFO: ("info", "accent"),
}


class Banner(QFrame):
    """What has to be seen first: a title, a text, and what can be done about it."""

    def __init__(
        self,
        theme: Theme,
        kind: Kind,
        title: str,
        words: str = "",
        buttons: Sequence[QWidget] = (),
    ) -> None:
        super().__init__()
        self.setObjectName(f"{kind}Card")
        self.said = "\n".join(part for part in (title, words) if part)
        grid = QGridLayout(self)
        grid.setContentsMargins(16, 14, 16, 14)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        sign, colour = _SIGNS[kind]
        grid.addWidget(picture(theme, sign, colour, _SIGN), 0, 0, Qt.AlignmentFlag.AlignTop)
        self.title = text(title, "strong")
        grid.addWidget(self.title, 0, 1)
        if words:
            grid.addWidget(text(words, "plain"), 1, 1)
        if buttons:
            grid.addWidget(flow(buttons), 2, 1)
        self.setAccessibleName(title)
        self.setAccessibleDescription(words)


def announce(widget: QWidget, words: str) -> None:
    """Have assistive programs say it now."""
    QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, words))


_RELAID: Final = (QEvent.Type.LayoutRequest, QEvent.Type.Resize)


class Body(QScrollArea):
    """The middle of a window: as high as its contents want, and scrolled on a small screen."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setObjectName("body")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        content.setObjectName("bodyContent")
        if isinstance(layout := content.layout(), QVBoxLayout):
            layout.addStretch(1)  # room that is left over stays below
        self._content = content
        self.setWidget(content)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()  # its contents want another height: the window may have it
        if event.type() in _RELAID:
            self._judge_bar()
        return done

    def _judge_bar(self) -> None:
        """A bar once shown makes the lines shorter, so that it would seem to be needed for ever."""
        bar = Qt.ScrollBarPolicy
        fits = self.heightForWidth(self.width()) <= self.height()
        wanted = bar.ScrollBarAlwaysOff if fits else bar.ScrollBarAsNeeded
        if wanted != self.verticalScrollBarPolicy():
            self.setVerticalScrollBarPolicy(wanted)

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's own name
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's own name
        if self._content.hasHeightForWidth():
            return self._content.heightForWidth(width)
        return self._content.sizeHint().height()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's own name
        hint = self._content.sizeHint()
        return QSize(hint.width(), self.heightForWidth(max(hint.width(), 1)))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's own name
        least = self._content.minimumSizeHint().width()
        return QSize(least, self.fontMetrics().height() * 5)
