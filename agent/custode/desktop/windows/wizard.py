"""The frame of every procedure: its steps, one page at a time, and the agent's work on a page.

class Rename(Wizard):
def steps(self): return (t("Which one"), t("Done"))
def pages(self): return {"which": self._which, "done": self._done}
start = "which"

def _which(self) -> Page:
return Page(t("Which token?"), body=[…], primary=t("Rename…"), then=self._work)

def _work(self) -> None:
self.run("token.rename", {…}, t("Renaming the token"), step=0, done=self._renamed)

def _renamed(self, answer) -> None:
self.answer = answer
self.go("done")
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from custode.desktop.parts import Heading
from custode.desktop.view import failure
from custode.desktop.windows.failing import Failed
from custode.desktop.windows.pieces import MARGIN, Body, announce, column, pressed
from custode.desktop.windows.stepping import Steps
from custode.desktop.windows.window import ENTER, FOOTER, KEY, Window, focus_of, keyed
from custode.desktop.windows.working import Working
from custode.error_codes import ErrorCode
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from PySide6.QtGui import QKeyEvent

    from custode.desktop.windows.calls import Call, Done
    from custode.desktop.windows.desk import Desk
    from custode.errors import CustodeError

LEAVE: Final = "leave"


@dataclass(slots=True)
class Page:
    """One page. `step`: which of the wizard's steps it belongs to.

    `primary`: the button that goes on, which Enter presses, and `then` what it does; empty: none.
    `ready`: whether it can be pressed now (see `Wizard.set_ready`). `leave`: what the button that
    closes is called; None: “Cancel”, or “Close” where nothing is left to do (`last`).
    """

    heading: str
    text: str = ""
    body: Sequence[QWidget | None] = ()
    step: int = 0
    sign: str = "shield"
    colour: str = "accent"
    primary: str = ""
    then: Callable[[], None] | None = None
    ready: bool = True
    danger: bool = False
    back: Callable[[], None] | None = None
    last: bool = False
    leave: str | None = None
    extra: Sequence[QWidget] = field(default_factory=tuple)
    """Buttons at the left of the footer."""


class Wizard(Window):
    """A window that leads through a procedure. `at` names the page where the person stands."""

    start: ClassVar[str] = "start"
    follows: ClassVar[bool] = False
    """Whether it shows nothing of its own before the agent has told its first status."""

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        self.at = self.start
        self._agent_seen: tuple[bool, CustodeError | None] = (bool(desk.status), desk.why)
        self.error: CustodeError | None = None
        self._working: Working | None = None
        self._page: Page | None = None
        self._primary: QPushButton | None = None
        self._again: Callable[[bool], None] | None = None
        self._closed = False
        self._placed: tuple[str, int] | None = None

    # --- what a wizard says of itself ---

    def steps(self) -> Sequence[str]:
        """The names of its steps; fewer than two: no header."""
        return ()

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        """What makes each page, by its name; called at every filling."""
        raise NotImplementedError  # abstract, as in window.py

    # --- going ---

    def back_up(self) -> None:
        """Go on with the backup that is needed now."""
        self.give_way_to("backup")

    def go(self, page: str) -> None:
        """Stand at that page."""
        self.at, self.error, self._again = page, None, None
        self.refill()
        self._first_focus()
        if self._page is not None:
            announce(self, self._page.heading)

    def show_error(self, error: CustodeError) -> None:
        """Tell it at the top of the page where the person stands; what was typed stays."""
        self.error = error
        self.refill()
        self._first_focus()
        announce(self, failure.tell(error).message)

    def set_ready(self, ready: bool) -> None:  # noqa: FBT001 - the one thing it says
        """Whether the page's button that goes on can be pressed."""
        if self._page is not None and self._primary is not None:
            self._page.ready = ready
            self._primary.setEnabled(ready)

    def run(
        self,
        method: str,
        params: Mapping[str, Any],
        doing: str,
        *,
        done: Done,
        step: int | None = None,
        failed: Callable[[CustodeError], bool] | None = None,
    ) -> Call:
        """Have the agent do it, on a page of progress with a way out.

        `doing`: the page's heading, marked (`mark`) so that it follows the language; `step`: the
        step it belongs to (the page's own one unless given). When it fails, the person is back
        where they were, with the error at the top and all that they had entered; `failed` may deal
        with it first (True: it has).
        """
        here = self._page.step if self._page is not None else 0

        def ended(error: CustodeError) -> None:
            if self._closed:
                return  # nobody is there to be told
            self._working = None
            if failed is not None and failed(error):
                return
            self._again = again
            self.show_error(error)

        def finished(answer: Any) -> None:
            if self._closed:
                return
            self._working = None
            done(answer)

        def again(last_attempt: bool) -> None:  # noqa: FBT001 - whether the person said yes to it
            given = {**params, "use_last_attempt": True} if last_attempt else params
            self.run(method, given, doing, done=done, step=step, failed=failed)

        self.error = None
        self._working = working = Working(doing, here if step is None else step)
        call = self.desk.call(method, params, done=finished, failed=ended)
        working.follow(call)
        working.changed.connect(self._worked)
        self.refill()
        announce(self, doing)
        return call

    @property
    def busy(self) -> bool:
        """Whether the agent works for this window."""
        return self._working is not None

    def closing(self) -> None:
        self._closed = True
        if self._working is not None:
            self._working.cancel()

    def would_lose(self) -> str:
        if self.busy:
            return t("Custode is still at work here. Stop it and close the window?")
        return ""

    def confirms(self, question: str) -> bool:
        # While a PIN is asked for, nothing is being done yet; and the question would stand behind.
        asking = self._working is not None and self._working.asking
        return asking or super().confirms(question)

    # --- filling ---

    def fill(self) -> QWidget:
        page = self._page = self._page_now()
        made = QWidget()
        layout = QVBoxLayout(made)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        steps = self.steps()
        if len(steps) > 1:
            layout.addWidget(Steps(self.desk.theme, steps, page.step, over=page.last))
        heading = Heading(self.desk.theme, page.sign, page.heading, page.text, page.colour)
        rows: list[QWidget | None] = [heading, self._failed(), *page.body]
        body = Body(column(*rows, margins=(MARGIN, MARGIN - 4, MARGIN, MARGIN - 4)))
        layout.addWidget(body, 1)
        layout.addWidget(self._footer(page))
        return made

    def _page_now(self) -> Page:
        """What there is to be seen now."""
        if self._working is not None:
            return self._working_page()
        if self.follows and not self.desk.status:
            return self._without_status()
        return self.pages()[self.at]()

    def _without_status(self) -> Page:
        """The agent has not said anything yet, or is not there."""
        why = self.desk.why
        body = () if why is None else (Failed(self.desk, why),)
        return Page(t("One moment…"), body=body, sign="work", leave=t("Close"))

    def _look(self) -> None:
        there = (bool(self.desk.status), self.desk.why)
        if self.follows and there != self._agent_seen and not self._agent_seen[0]:
            self._agent_seen = there
            self.refill()
        else:
            super()._look()

    def _working_page(self) -> Page:
        working = self._working
        assert working is not None  # noqa: S101 - asked by `fill`
        return Page(
            working.doing,
            body=[working.view()],
            step=working.step,
            sign="work",
            leave=t("Stop"),
        )

    def _failed(self) -> QWidget | None:
        if self.error is None or self._working is not None:
            return None
        return Failed(self.desk, self.error, self._again)

    def _footer(self, page: Page) -> QWidget:
        footer = QFrame()
        footer.setObjectName(FOOTER)
        row = QHBoxLayout(footer)
        row.setContentsMargins(MARGIN, 14, MARGIN, 16)
        row.setSpacing(10)
        if page.back is not None:
            row.addWidget(keyed(pressed(t("Back"), page.back), "back"))
        for extra in page.extra:
            row.addWidget(extra)
        row.addStretch(1)
        ends = page.last and not page.primary
        leave = page.leave if page.leave is not None else t("Close") if page.last else t("Cancel")
        if leave:
            row.addWidget(keyed(pressed(leave, self._leave, "primary" if ends else ""), LEAVE))
        self._primary = None
        if page.primary and page.then is not None:
            look = "danger" if page.danger else "primary"
            self._primary = pressed(page.primary, page.then, look)
            self._primary.setEnabled(page.ready)
            row.addWidget(keyed(self._primary, "primary"))
        return footer

    def _worked(self) -> None:
        """What it does now is shown by the page of progress itself."""

    def _leave(self) -> None:
        if self._working is not None:
            self._working.cancel()
        else:
            self.close()

    def refill(self) -> None:
        """Make it anew; a focus that nobody has moved goes where the page now begins."""
        where = focus_of(self)
        super().refill()
        if (
            where is not None
            and where[:2] == self._placed
            and not isinstance(self.focusWidget(), QLineEdit)
        ):
            self._first_focus()

    def _first_focus(self) -> None:
        """At the first thing to fill in, else at the button that goes on."""
        content = self._content
        if content is None:
            return
        body = content.findChild(Body)
        found = first_control(body) if body is not None else None
        if found is None and self._page is not None and self._page.danger:
            # Enter must not do what cannot be undone, before anybody has read what it is.
            ways_out = [
                one for one in content.findChildren(QPushButton) if one.property(KEY) == LEAVE
            ]
            found = next(iter(ways_out), None)
        found = found or (self._primary if self._primary and self._primary.isEnabled() else None)
        if found is None:
            found = next(iter(content.findChildren(QPushButton)), None)
        if found is not None:
            found.setFocus()
            where = focus_of(self)
            self._placed = where[:2] if where is not None else None

    def present(self) -> None:
        shown = self.isVisible()
        super().present()
        if not shown:
            self._first_focus()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's own name
        """Enter goes on, or presses the button one is at; Esc is the way out."""
        if event.key() in ENTER:
            focused = self.focusWidget()
            if isinstance(focused, QPushButton):
                focused.click()
            elif self._primary is not None and self._primary.isEnabled():
                self._primary.click()
        elif event.key() == Qt.Key.Key_Escape:
            self._leave()
        else:
            super().keyPressEvent(event)


def first_control(area: QWidget) -> QWidget | None:
    """The first that wants something: a field or a choice, no button and no text to copy."""
    from PySide6.QtWidgets import QCheckBox, QComboBox, QPlainTextEdit, QRadioButton

    kinds = (QLineEdit, QRadioButton, QCheckBox, QComboBox, QPlainTextEdit)
    found = [
        one
        for one in area.findChildren(QWidget)
        if isinstance(one, kinds) and one.isEnabled() and not one.isHidden()
    ]
    checked = [one for one in found if isinstance(one, QRadioButton) and one.isChecked()]
    if checked and found[0] in [one for one in found if isinstance(one, QRadioButton)]:
        return checked[0]
    return found[0] if found else None


def is_cancelled(error: CustodeError) -> bool:
    """Whether the person gave it up."""
    return error.code is ErrorCode.CANCELLED
