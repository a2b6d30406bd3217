"""The PIN dialog played with: a client, and what a person does."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from tests.desktop.hands import press, texts, type_into
from tests.unit.cli.test_terminal import content

from custode.desktop.pin_dialog.asked import Asked, ClientGone, Ending
from custode.desktop.pin_dialog.dialog import PinDialog
from custode.prompts.secret import Secret

Play = Callable[[PinDialog], None]
Answer = Callable[..., tuple[Ending, bytes]]


TOKEN = Asked(
    title="Custode",
    text="Custode needs it to renew the certificate.",
    prompt="PIN of the token:",
    ok="OK",
    cancel="Cancel",
    label="ROSSI MARIO",
    serial="0A12",
    attempts_remaining=3,
)
NEW = Asked(
    prompt="New PIN",
    repeat="Once more",
    repeat_error="Not the same.",
    quality="Strength",
    generate="Propose a PIN",
    checked=True,
)
PROPOSED = b"7kqm-x4tp-9bwd-h3nc"
SHOW_NEW = "Show what is typed – New PIN"


T = TypeVar("T")


class Client:
    """Says what it is told to say, or is gone."""

    def __init__(self) -> None:
        self.descriptor, self.end = os.pipe()
        self.gone = False
        self.judged: list[bytes] = []
        self.faults: dict[bytes, str] = {b"123": "Too short."}

    def quality(self, secret: Secret) -> int | None:
        self.judged.append(content(secret))
        return self._answer(min(100, len(secret) * 10) if len(secret) > 3 else -20)

    def fault(self, secret: Secret) -> str:
        return self._answer(self.faults.get(content(secret), ""))

    def proposal(self) -> Secret | None:
        made = Secret()
        made.replace(0, 0, PROPOSED)
        return self._answer(made)

    def _answer(self, answer: T) -> T:
        if self.gone:
            raise ClientGone
        return answer


def enter(dialog: PinDialog) -> None:
    QTest.keyClick(dialog.focusWidget(), Qt.Key.Key_Return)


def typing(text: str, where: str = "PIN of the token") -> Play:
    return lambda dialog: type_into(dialog, where, text)


def pressing(what: str) -> Play:
    return lambda dialog: press(dialog, what)


def says(*parts: str) -> Play:
    def check(dialog: PinDialog) -> None:
        told = texts(dialog)
        assert [part for part in parts if not any(part in text for text in told)] == [], told

    return check


def ready(*, is_so: bool) -> Play:
    def check(dialog: PinDialog) -> None:
        buttons = [button for button in dialog.findChildren(QPushButton) if button.isDefault()]
        assert [button.isEnabled() for button in buttons] == [is_so]

    return check


def holds(truth: bool) -> None:
    assert truth
