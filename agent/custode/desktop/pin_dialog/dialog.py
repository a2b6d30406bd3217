"""The window that asks for a secret.

What it says comes from the client; what is its own goes through the catalogue. It decides nothing:
how strong a new secret is, whether it fits and which one is proposed, the client is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSocketNotifier, Qt, QTimer
from PySide6.QtGui import QAccessible, QAccessibleEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from custode.desktop import parts
from custode.desktop.pin_dialog.about_token import attempts, token_card
from custode.desktop.pin_dialog.asked import ClientGone, Ending
from custode.desktop.pin_dialog.clipboard import copy_secret
from custode.desktop.pin_dialog.entry import Entry
from custode.desktop.pin_dialog.proposal import Proposal
from custode.desktop.pin_dialog.sheet import Sheet
from custode.desktop.pin_dialog.strength_bar import StrengthBar
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QShowEvent

    from custode.desktop.pin_dialog.asked import Asked, Client
    from custode.desktop.theme import Theme
    from custode.prompts.secret import Secret

LAST: Final = 1
_ENTER: Final = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_WARN_S: Final = 30  # how long before the end the person is told


class _LastAttempt(parts.Alarm):
    """What the last try means, and the yes without which it is not used."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, t("This is the LAST try: a wrong PIN locks it."))
        self.accepted = QCheckBox(t("I know; use the last try"))
        self.accepted.setAccessibleDescription(self.told.text())
        self.body.addWidget(self.accepted)


class PinDialog(Sheet):
    """One question; `ending` and the given secret hold the answer when it is closed."""

    def __init__(self, asked: Asked, client: Client, theme: Theme) -> None:
        super().__init__(asked.title or "Custode")
        self.ending = Ending.CANCELLED
        self._asked = asked
        self._client = client
        self._theme = theme
        prompt = asked.prompt.rstrip().removesuffix(":") or t("PIN")

        self._first = Entry(theme, "" if asked.repeat is None else t("Type it"), prompt)
        self._second = Entry(theme, asked.repeat, asked.repeat) if asked.repeat else None
        self._strength = StrengthBar(asked.quality) if asked.quality is not None else None
        self._proposal = Proposal(theme, asked.generate) if asked.generate else None
        self._caps = parts.Note(theme, "capslock", "warning", t("Caps Lock is on"))
        self._error = parts.Alarm(theme, asked.error)
        self._last = _LastAttempt(theme) if asked.attempts_remaining == LAST else None
        self._left = parts.label("", "muted")
        self._ok = parts.button(asked.ok or t("OK"), "primary")
        self._cancel = parts.button(asked.cancel or t("Cancel"))
        self._lay_out(prompt)
        self._connect()
        self._update()
        self._watch = QSocketNotifier(client.descriptor, QSocketNotifier.Type.Read, self)
        self._watch.activated.connect(self.reject)  # gone, or speaking out of turn: nobody waits
        self._seconds = asked.timeout_s
        self._clock = QTimer(self)
        self._clock.timeout.connect(self._tick)
        if asked.timeout_s:
            self._start_clock()

    def answer(self, secret: Secret) -> Ending:
        """Show it until it is answered; what was typed goes into `secret`, and is wiped here."""
        try:
            self.exec()
            self._clock.stop()
            self._watch.setEnabled(False)
            if self.ending is Ending.OK:
                with self._first.field.secret.view() as content:
                    secret.replace(0, 0, content)
        finally:
            for entry in self._entries():
                entry.field.wipe()
        return self.ending

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's own name
        super().showEvent(event)
        self.activateWindow()
        self._first.field.setFocus()

    # --- how it looks ---

    def _lay_out(self, prompt: str) -> None:
        asked, theme = self._asked, self._theme
        rows: list[QWidget | None] = [
            parts.Heading(theme, "lock", prompt, asked.text),
            token_card(theme, asked) if asked.label or asked.serial else None,
            attempts(asked) if not (asked.label or asked.serial) else None,
            self._error,
            self._first,
            parts.label(asked.rule, "muted", wraps=True) if _is_news(asked) else None,
            self._strength,
            self._proposal,
            self._second,
            self._caps,
            self._last,
        ]
        outer = QVBoxLayout(self)
        outer.setContentsMargins(22, 20, 22, 18)
        outer.setSpacing(12)
        for row in rows:
            if row is not None:
                outer.addWidget(row)
        outer.addSpacing(4)
        buttons = QHBoxLayout()
        buttons.setSpacing(10)
        buttons.addWidget(self._left, 1)
        buttons.addWidget(self._cancel)
        buttons.addWidget(self._ok)
        outer.addLayout(buttons)
        self._ok.setDefault(True)
        self._caps.hide()

    def _connect(self) -> None:
        self._first.field.edited.connect(self._judge)
        for entry in self._entries():
            entry.field.edited.connect(self._typed)
            entry.field.caps_lock.connect(self._tell_caps_lock)
        self._ok.clicked.connect(self.accept)
        self._cancel.clicked.connect(self.reject)
        if self._proposal is not None:
            self._proposal.wanted.connect(self._propose)
            self._proposal.copied.connect(self._copy)
        if self._last is not None:
            self._last.accepted.toggled.connect(self._update)

    def _entries(self) -> tuple[Entry, ...]:
        return (self._first,) if self._second is None else (self._first, self._second)

    # --- what the person does ---

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's own name
        """Enter presses the button that one is at; anywhere else it goes on (see `accept`)."""
        if event.key() not in _ENTER:
            super().keyPressEvent(event)
        elif isinstance(focused := self.focusWidget(), QPushButton):
            focused.click()
        else:
            self.accept()

    def accept(self) -> None:
        """Enter goes on to the first field that wants something; the last one ends the question."""
        for entry in self._entries():
            if not len(entry.field.secret):
                entry.field.setFocus()
                return
        if not self._ok.isEnabled():
            if self._last is not None:
                self._last.accepted.setFocus()
            return
        if (fault := self._fault()) is None:
            return
        if fault:
            self._tell_fault(fault)
            return
        self.ending = Ending.OK
        super().accept()

    def _fault(self) -> str | None:
        """Why it cannot be taken; empty: it can; None: nobody is there any more."""
        typed = self._first.field.secret
        if self._asked.checked:
            try:
                fault = self._client.fault(typed)
            except ClientGone:
                self.reject()
                return None
            if fault:
                self._first.field.setFocus()
                self._first.field.selectAll()
                return fault
        if self._second is None or typed.equals(self._second.field.secret):
            return ""
        self._second.field.take(b"")
        if self._first.field.shown:  # it can be read: then the slip is in the other one
            self._second.field.setFocus()
        else:
            self._first.field.take(b"")
            self._first.field.setFocus()
        return self._asked.repeat_error or t("The two are different: please type them again.")

    def _tell_fault(self, fault: str) -> None:
        self._error.say(fault)
        QAccessible.updateAccessibility(QAccessibleEvent(self._error.told, QAccessible.Event.Alert))

    def _typed(self) -> None:
        if self._error.isVisible() and self._asked.error != self._error.told.text():
            self._error.say("")
        self._update()

    def _judge(self) -> None:
        if self._strength is None:
            return
        try:
            self._strength.tell(self._client.quality(self._first.field.secret))
        except ClientGone:
            self.reject()

    def _update(self) -> None:
        complete = all(len(entry.field.secret) for entry in self._entries())
        willing = self._last is None or self._last.accepted.isChecked()
        self._ok.setEnabled(complete and willing)

    def _tell_caps_lock(self, on: bool) -> None:  # noqa: FBT001 - Qt's signal
        if on is self._caps.isHidden():
            self._caps.setVisible(on)

    def _propose(self) -> None:
        try:
            proposed = self._client.proposal()
        except ClientGone:
            self.reject()
            return
        if proposed is None or self._proposal is None:
            return
        with proposed, proposed.view() as content:
            self._first.field.take(content)
        self._first.reveal()
        if self._second is not None:
            self._second.field.take(b"")
            self._second.field.setFocus()
        self._proposal.tell_next()

    def _copy(self) -> None:
        copy_secret(self._first.field.secret)

    # --- time ---

    def _start_clock(self) -> None:
        quiet_s = max(0, self._seconds - _WARN_S)
        self._seconds -= quiet_s
        self._clock.start(quiet_s * 1000 if quiet_s else 1000)
        if not quiet_s:
            self._tell_seconds()

    def _tick(self) -> None:
        if self._clock.interval() != 1000:  # noqa: PLR2004 - milliseconds: it counts from now on
            self._clock.start(1000)
        else:
            self._seconds -= 1
        if self._seconds <= 0:
            self.ending = Ending.TIMED_OUT
            super().reject()
        else:
            self._tell_seconds()

    def _tell_seconds(self) -> None:
        self._left.setText(t("Closes in {n} s", n=self._seconds))


def _is_news(asked: Asked) -> bool:
    """Whether the rule for a new secret is not said already, as our own client does."""
    return bool(asked.rule) and asked.rule not in f"{asked.text}\n{asked.prompt}"
