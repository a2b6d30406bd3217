"""The agent at work for a wizard: what it said so far, and how that is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QProgressBar, QWidget

from custode.desktop.windows.pieces import announce, column, text
from custode.locale import words
from custode.locale.catalogue import gettext, t

if TYPE_CHECKING:
    from PySide6.QtWidgets import QLabel

    from custode.desktop.windows.calls import Call


class Working(QObject):
    """Kept by its wizard while the call runs; its view is made anew at each filling."""

    changed = Signal()

    def __init__(self, doing: str, step: int) -> None:
        """`doing`: its heading; marked only (`mark`), it follows the language."""
        super().__init__()
        self._doing = doing
        self.step = step
        self.told: list[tuple[str, str]] = []
        """Steps that the agent has told of, the last one is being done."""
        self._asking = False
        self._call: Call | None = None
        self._view: QWidget | None = None
        self._lines: list[QLabel] = []
        self._hint: QLabel | None = None

    @property
    def doing(self) -> str:
        """What is being done."""
        return gettext(self._doing)

    @property
    def asking(self) -> bool:
        """Whether a dialog that asks for a secret is open."""
        return self._asking

    def follow(self, call: Call) -> None:
        """Show what that call tells."""
        self._call = call
        call.progress.connect(self._progress)
        call.asking.connect(self._ask)

    def cancel(self) -> None:
        """Give the call up."""
        if self._call is not None:
            self._call.cancel()

    def view(self) -> QWidget:
        """What of it there is to be seen."""
        bar = QProgressBar()
        bar.setRange(0, 0)
        bar.setTextVisible(False)
        bar.setAccessibleName(self.doing)
        self._hint = text(self._what_now(), "muted")
        self._lines = [text("", "muted") for _ in self.told]
        self._view = column(bar, self._hint, *self._lines)
        self._show()
        return self._view

    def _what_now(self) -> str:
        if self._asking:
            return t("Type it in the window that has opened.")
        return t("You can go on with other things meanwhile; leave the token where it is.")

    def _progress(self, step: str, said: str) -> None:
        self.told.append((step, said))
        if self._view is not None and (layout := self._view.layout()) is not None:
            line = text("", "muted")
            self._lines.append(line)
            layout.addWidget(line)
        self._show()
        if self._view is not None:
            announce(self._view, sentence(step, said))
        self.changed.emit()

    def _ask(self, asking: bool) -> None:  # noqa: FBT001 - Qt's signal
        self._asking = asking
        if self._hint is not None:
            self._hint.setText(self._what_now())
        self.changed.emit()

    def _show(self) -> None:
        for place, (line, (step, said)) in enumerate(zip(self._lines, self.told, strict=True)):
            now = place == len(self.told) - 1
            line.setObjectName("strong" if now else "good")
            line.setText(f"{'→' if now else '✓'}  {sentence(step, said)}")
            line.style().unpolish(line)
            line.style().polish(line)


def sentence(step: str, said: str) -> str:
    """One step as a sentence."""
    told = gettext(said) if said else words.word(words.STEP, step)
    return told[:1].upper() + told[1:]
