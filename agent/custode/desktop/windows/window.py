"""What every window is: its contents are made anew when language, look or status change."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFontInfo
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QMainWindow,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from PySide6.QtGui import QCloseEvent, QKeyEvent

    from custode.desktop.windows.desk import Desk

KEY: Final = "custode-key"  # names a control across two fillings, where its place alone would not
FOOTER: Final = "footer"  # the row of buttons at the bottom
_RELAID: Final = (QEvent.Type.FontChange, QEvent.Type.LayoutRequest)
ENTER: Final = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_POPUP_MS: Final = 200
_OF_SCREEN: Final = 0.92  # a window is never larger than that


def keyed(widget: QWidget, key: str) -> QWidget:
    """Name a control, so that the focus comes back to it when its window is filled anew."""
    widget.setProperty(KEY, key)
    return widget


class Window(QMainWindow):
    """One window. It keeps what the person typed and where they stand apart from its widgets.

    A QMainWindow because that is a window to assistive programs; a bare QWidget is nothing to them.
    """

    closed = Signal(str)
    width_em: ClassVar[int] = 40
    """How wide it opens, in the letters' own height."""

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__()
        self.desk = desk
        self.args = dict(args)
        self.name = ""
        self.setObjectName("window")
        self._content: QWidget | None = None
        self._seen: Any = None
        frame = QWidget()
        self._outer = QVBoxLayout(frame)
        self._outer.setContentsMargins(0, 0, 0, 0)
        self.setCentralWidget(frame)
        desk.language_changed.connect(self.refill)
        desk.theme.changed.connect(self.refill)
        desk.changed.connect(self._look)

    # --- what a window says of itself ---

    # Abstract, though no ABC says so: Qt's classes bring a metaclass of their own.

    def title(self) -> str:
        """What stands in its title bar; no secret, no name of a person."""
        raise NotImplementedError

    def fill(self) -> QWidget:
        """Make all of its widgets, from what it knows now."""
        raise NotImplementedError

    def depends_on(self) -> object:
        """What of `desk.status` it shows: it is filled anew when that changes."""
        return None

    def again(self, args: Mapping[str, str]) -> bool:
        """Asked to be opened while it is open; False: make a new one in its place."""
        return not args or dict(args) == self.args or bool(self.would_lose())

    def would_lose(self) -> str:
        """What closing it would lose: a question for the person; empty: nothing."""
        return ""

    # --- leading on ---

    def give_way_to(self, name: str, /, **args: str) -> None:
        """Open that window in place of this one: what is to be done goes on there."""
        self.desk.open(name, **args)
        self.close()

    # --- filling ---

    def refill(self) -> None:
        """Make the contents anew; the focus and what is seen stay where they were."""
        focus = focus_of(self)
        scrolled = [area.verticalScrollBar().value() for area in self.findChildren(QScrollArea)]
        self._seen = self.depends_on()
        self.setWindowTitle(self.title())
        old, self._content = self._content, self.fill()
        layout = self._outer
        if old is not None:
            layout.removeWidget(old)
            old.hide()
            old.deleteLater()
        layout.addWidget(self._content)
        self._content.show()  # at once: what is hidden counts for nothing when sizes are told
        self._fit()
        for area, value in zip(self._content.findChildren(QScrollArea), scrolled, strict=False):
            area.verticalScrollBar().setValue(value)
        if focus is not None:
            focus_again(self._content, focus)

    def _look(self) -> None:
        if self.depends_on() == self._seen:
            return
        if QApplication.activePopupWidget() is not None:
            # A menu that is open stays open: it would go with the button it hangs on.
            QTimer.singleShot(_POPUP_MS, self, self._look)
        else:
            self.refill()

    def em(self) -> int:
        """The letters' height in points: what sizes are told in."""
        return QFontInfo(self.font()).pixelSize()

    def _fit(self) -> None:
        """As high as its contents want, and never larger than the screen."""
        screen = self.screen().availableSize()
        most = QSize(int(screen.width() * _OF_SCREEN), int(screen.height() * _OF_SCREEN))
        layout = self._outer
        layout.activate()
        # A style sheet's `min-width` lets a button be made narrower than its words.
        footers = [one.sizeHint().width() for one in self.findChildren(QFrame, FOOTER)]
        wanted_width = max(36 * self.em(), layout.totalMinimumSize().width(), *footers)
        least = min(wanted_width, most.width())
        self.setMinimumWidth(least)
        width = max(least, min(self.width_em * self.em(), most.width()))
        if self.isVisible():
            width = max(width, self.width())
        wanted = layout.totalHeightForWidth(width) if layout.hasHeightForWidth() else 0
        wanted = max(wanted, layout.totalSizeHint().height() if wanted <= 0 else wanted)
        height = max(min(wanted, most.height()), self.height() if self.isVisible() else 0)
        wider, higher = width > self.width(), min(height, most.height()) > self.height()
        self.resize(width, min(height, most.height()))
        if self.isVisible() and (wider or higher):
            self._keep_on_screen()

    def _keep_on_screen(self) -> None:
        """One that has grown goes back from the edge over which it would hang."""
        room, frame = self.screen().availableGeometry(), self.frameGeometry()
        left = max(room.left(), min(frame.left(), room.right() + 1 - frame.width()))
        top = max(room.top(), min(frame.top(), room.bottom() + 1 - frame.height()))
        if (left, top) != (frame.left(), frame.top()):
            self.move(left, top)

    # --- being shown and closed ---

    def present(self) -> None:
        """Show it, before the other windows."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's own name
        """Esc closes; Enter presses the button that one is at."""
        focused: QWidget | None = self.focusWidget()
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        elif event.key() in ENTER and isinstance(focused, QPushButton):
            focused.click()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's own name
        """Ask first when something would be lost."""
        if (question := self.would_lose()) and not self.confirms(question):
            event.ignore()
            return
        self.closing()
        event.accept()
        self.closed.emit(self.name)

    def closing(self) -> None:
        """End what works for it."""

    def confirms(self, question: str) -> bool:
        """Whether the person means it."""
        from custode.desktop.windows.question import sure

        return sure(self, question)

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() in _RELAID and self._content is not None:
            self._fit()
        return done


def _chain(widget: QWidget) -> list[QWidget]:
    """What can be reached with Tab, in the order in which it was made."""
    return [
        one
        for one in widget.findChildren(QWidget)
        if one.focusPolicy() & Qt.FocusPolicy.TabFocus and not one.isHidden()
    ]


def first_of_chain(widget: QWidget) -> QWidget | None:
    """The first that Tab reaches."""
    return next((one for one in _chain(widget) if one.isEnabled()), None)


def focus_of(window: QWidget) -> tuple[str, int, int] | None:
    """Where the focus is: the control's key, its place, and the cursor in its text."""
    focused: QWidget | None = window.focusWidget()
    if focused is None or not focused.hasFocus():
        return None
    chain = _chain(window)
    place = chain.index(focused) if focused in chain else -1
    cursor = getattr(focused, "cursorPosition", lambda: -1)()
    return str(focused.property(KEY) or ""), place, cursor if isinstance(cursor, int) else -1


def focus_again(content: QWidget, where: tuple[str, int, int]) -> None:
    """Put the focus back where it was."""
    key, place, cursor = where
    chain = _chain(content)
    named = [one for one in chain if key and one.property(KEY) == key]
    if named:
        found = named[0]
    elif not key and 0 <= place < len(chain):
        found = chain[place]
    else:
        return
    found.setFocus()
    if cursor >= 0 and hasattr(found, "setCursorPosition"):
        found.setCursorPosition(cursor)
