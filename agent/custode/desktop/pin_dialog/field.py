"""A field for secrets: what is typed lies in a wiped buffer, and Qt is given dots instead.

A QLineEdit keeps its text, its undo history and its layout in strings of Qt's own that nobody can
overwrite, and hands them to Python as `str`. So this one holds one dot for each character; keys,
the clipboard and input methods are taken before they get there. Only while the person has it shown
does Qt hold the characters (docs/security.md, "The PIN dialog").
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtWidgets import QLineEdit, QMenu

from custode.locale.catalogue import t
from custode.prompts.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtCore import QByteArray
    from PySide6.QtGui import QContextMenuEvent, QInputMethodEvent, QKeyEvent

DOT: Final = "•"
_ODD: Final = "\N{REPLACEMENT CHARACTER}"  # stands for what Qt counts as two characters
_CONTINUES: Final = 0x80
_TEXT: Final = "text/plain"
_LINE_ENDS: Final = b"\r\n"
_BLOCKED: Final = tuple(
    getattr(QKeySequence.StandardKey, name) for name in ("Copy", "Cut", "Undo", "Redo")
)
_COMMANDS: Final = (
    Qt.KeyboardModifier.ControlModifier
    | Qt.KeyboardModifier.AltModifier
    | Qt.KeyboardModifier.MetaModifier
)
_ALT_GR: Final = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier


class SecretField(QLineEdit):
    """One secret; `edited` at each change, `caps_lock` when a key shows how that is set."""

    edited = Signal()
    caps_lock = Signal(bool)

    def __init__(self, name: str, description: str = "") -> None:
        super().__init__()
        self._secret = Secret()
        self._length = 0  # in characters: as many dots as Qt shows
        self._shown = False
        self._ours = False
        self._caps_lock: bool | None = None
        self.setObjectName("secret")
        self.setAccessibleName(name)
        self.setAccessibleDescription(description)
        self.setEchoMode(QLineEdit.EchoMode.Password)
        self.setInputMethodHints(
            Qt.InputMethodHint.ImhSensitiveData
            | Qt.InputMethodHint.ImhNoPredictiveText
            | Qt.InputMethodHint.ImhNoAutoUppercase
            | Qt.InputMethodHint.ImhHiddenText
        )
        self.setDragEnabled(False)
        self.setAcceptDrops(False)
        self.textChanged.connect(self._changed_by_qt)

    @property
    def secret(self) -> Secret:
        """What was typed; the field's own, wiped with `wipe`."""
        return self._secret

    @property
    def shown(self) -> bool:
        """Whether the characters stand there for everybody to read."""
        return self._shown

    def show_characters(self, *, shown: bool) -> None:
        """Show the characters, or dots."""
        if shown is self._shown:
            return
        self._shown = shown
        behind = self._length - self.cursorPosition()
        mode = QLineEdit.EchoMode.Normal if shown else QLineEdit.EchoMode.Password
        self.setEchoMode(mode)
        self._draw(behind)

    def take(self, content: Sequence[int]) -> None:
        """Hold `content` instead of what was typed."""
        self._replace(0, self._length, content)

    def wipe(self) -> None:
        """Overwrite the secret, and what Qt shows of it."""
        self._secret.wipe()
        self._shown = False
        self.setEchoMode(QLineEdit.EchoMode.Password)
        self._draw(0)

    def paste_secret(self) -> None:
        """Put the clipboard's first line where the cursor is."""
        data: QByteArray = QGuiApplication.clipboard().mimeData().data(_TEXT)
        with memoryview(data) as content:  # type: ignore[arg-type] # a buffer, which its stub does not say
            ends = (at for at, byte in enumerate(content) if byte in _LINE_ENDS)
            with content[: next(ends, len(content))] as line:
                self._put(line)
        data.fill(0)

    # --- what Qt tells ---

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's own name
        self._look_at_caps_lock(event)
        if event.matches(QKeySequence.StandardKey.Paste):
            self.paste_secret()
        elif any(event.matches(key) for key in _BLOCKED):
            event.accept()
        elif not event.text() or not event.text().isprintable():
            super().keyPressEvent(event)
        elif not _is_command(event):
            self._put(event.text().encode())
        elif not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()  # a QLineEdit would take Alt+B for b
        else:
            super().keyPressEvent(event)

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:  # noqa: N802 - Qt's own name
        if event.commitString():
            self._put(event.commitString().encode())
            event.accept()
        else:
            super().inputMethodEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802 - Qt's own name
        menu = QMenu(self)
        menu.addAction(t("Paste"), self.paste_secret)
        menu.addAction(t("Clear"), lambda: self.take(b""))
        menu.exec(event.globalPos())

    def _changed_by_qt(self, text: str) -> None:
        """Qt's own editing took characters away, or an assistive program put some in."""
        if self._ours:
            return
        before, after = self._length, len(text)
        if after < before:
            start = min(self.cursorPosition(), after)
            self._replace(start, start + before - after, b"")
        elif self._shown:
            self._replace(0, before, text.encode())
        else:
            new = [at for at, character in enumerate(text) if character != DOT]
            start, end = (new[0], new[-1] + 1) if new else (after, after)
            self._replace(start, before - (after - end), text[start:end].encode())

    # --- the buffer and its dots ---

    def _put(self, content: Sequence[int]) -> None:
        start = self.selectionStart() if self.hasSelectedText() else self.cursorPosition()
        end = self.selectionEnd() if self.hasSelectedText() else start
        self._replace(start, end, content)

    def _replace(self, start: int, end: int, content: Sequence[int]) -> None:
        """Replace the characters `start` to `end` by the UTF-8 of `content`."""
        begins = self._begins()
        if self._secret.replace(begins[start], begins[end], content):
            self._draw(self._length - end)
            self.edited.emit()
        else:  # longer than any secret: what was there before stays
            self._draw(self._length - start)

    def _begins(self) -> list[int]:
        """At which byte each character begins, and where the last one ends.

        RFC 3629 §3: 10xxxxxx continues one.
        """
        with self._secret.view() as content:
            begins = [at for at, byte in enumerate(content) if not at or byte & 0xC0 != _CONTINUES]
        return [*begins, len(self._secret)]

    def _draw(self, behind: int) -> None:
        """Show the buffer, with the cursor before the last `behind` characters."""
        begins = self._begins()
        self._length = len(begins) - 1
        self._ours = True
        try:
            if self._shown:
                self.setText("")
                for start, end in pairwise(begins):
                    self.insert(self._character(start, end))
            else:
                self.setText(DOT * self._length)
        finally:
            self._ours = False
        self.setCursorPosition(max(0, self._length - behind))

    def _character(self, start: int, end: int) -> str:
        """One character: that is no secret, while a str of all of them would stay in memory."""
        with self._secret.view() as content:
            character = bytes(content[start:end]).decode("utf-8", "replace")
        fits = len(character) == 1 and character <= "\uffff" and character.isprintable()
        return character if fits else _ODD

    def _look_at_caps_lock(self, event: QKeyEvent) -> None:
        """A letter that is not as Shift says tells of Caps Lock; Qt does not."""
        text = event.text()
        if event.key() == Qt.Key.Key_CapsLock and self._caps_lock is not None:
            self._caps_lock = not self._caps_lock
        elif text.upper() != text.lower() and not event.modifiers() & _COMMANDS:
            shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._caps_lock = text.isupper() is not shifted
        else:
            return
        self.caps_lock.emit(self._caps_lock)


def _is_command(event: QKeyEvent) -> bool:
    """Whether a key is a shortcut; Ctrl and Alt together are AltGr on some systems."""
    held = event.modifiers() & _COMMANDS
    return bool(held) and held != _ALT_GR
