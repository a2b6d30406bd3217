"""The PIN dialog as a person uses it: by keyboard, and by the names that can be heard."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton
from tests.desktop.hands import find, name, names, press, texts, type_into
from tests.unit.cli.test_terminal import content

from custode.desktop.pin_dialog.asked import Asked, ClientGone, Ending
from custode.desktop.pin_dialog.dialog import PinDialog
from custode.desktop.theme import Theme
from custode.locale.catalogue import use
from custode.prompts.secret import Secret

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


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client()
    yield made
    os.close(made.descriptor)
    if not made.gone:
        os.close(made.end)


Play = Callable[[PinDialog], None]
Answer = Callable[..., tuple[Ending, bytes]]


@pytest.fixture
def answer(theme: Theme, client: Client, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Show the dialog, have it played with, and give what came of it."""
    failed: list[BaseException] = []
    # What goes wrong in a slot Qt would print, and go on.
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: failed.append(error))

    def run(asked: Asked, *steps: Play) -> tuple[Ending, bytes]:
        dialog = PinDialog(asked, client, theme)

        def play() -> None:
            try:
                for step in steps:
                    step(dialog)
            except BaseException:
                dialog.reject()
                raise

        QTimer.singleShot(0, dialog, play)
        QTimer.singleShot(20_000, dialog, dialog.reject)
        with Secret() as secret:
            ending, given = dialog.answer(secret), content(secret)
        for field in dialog.findChildren(QLineEdit):
            assert not field.text(), "something was left in a field"
        dialog.deleteLater()
        if failed:
            raise failed[0]
        return ending, given

    return run


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


def test_it_says_which_token_why_and_how_often(answer: Answer) -> None:
    ending, given = answer(
        TOKEN,
        says(
            "PIN of the token", "Custode needs it to renew", "ROSSI MARIO", "0A12", "3 tries left"
        ),
        ready(is_so=False),
        typing("pìn 1%2"),
        ready(is_so=True),
        enter,
    )
    assert (ending, given) == (Ending.OK, "pìn 1%2".encode())


def test_every_control_has_a_name_and_a_turn(answer: Answer) -> None:
    order: list[str] = []

    def walk(dialog: PinDialog) -> None:
        assert dialog.focusWidget() is find(dialog, "New PIN")
        type_into(dialog, "New PIN", "12345678")
        type_into(dialog, "Once more", "12345678")
        find(dialog, "New PIN").setFocus()
        for _ in range(len(names(dialog)) + 1):
            focused = dialog.focusWidget()
            assert focused is not None
            order.append(name(focused))
            QTest.keyClick(focused, Qt.Key.Key_Tab)

    answer(NEW, walk, lambda dialog: dialog.reject())
    assert order == [
        *("New PIN", SHOW_NEW, "Propose a PIN", "Once more"),
        *("Show what is typed – Once more", "Cancel", "OK", "New PIN"),
    ]


@pytest.mark.parametrize(
    "leave",
    [
        lambda dialog: QTest.keyClick(dialog, Qt.Key.Key_Escape),
        pressing("Cancel"),
        lambda dialog: dialog.close(),
    ],
    ids=["escape", "button", "close"],
)
def test_cancelling_gives_nothing(answer: Answer, leave: Play) -> None:
    assert answer(TOKEN, typing("1234"), leave) == (Ending.CANCELLED, b"")


def test_nothing_is_no_answer(answer: Answer) -> None:
    assert answer(TOKEN, enter, enter, lambda dialog: dialog.reject()) == (Ending.CANCELLED, b"")


def test_the_last_try_needs_a_yes(answer: Answer) -> None:
    last = "I know; use the last try"
    ending, given = answer(
        replace(TOKEN, attempts_remaining=1),
        says("This is the LAST try", "1 try left"),
        typing("1234"),
        ready(is_so=False),
        enter,  # goes to the question instead
        lambda dialog: _is(dialog.focusWidget() is find(dialog, last)),
        enter,
        pressing(last),
        ready(is_so=True),
        pressing(last),
        ready(is_so=False),
        pressing(last),
        pressing("OK"),
    )
    assert (ending, given) == (Ending.OK, b"1234")


def test_more_than_one_try_asks_for_no_yes(answer: Answer) -> None:
    def check(dialog: PinDialog) -> None:
        assert not [found for found in names(dialog) if "last" in found]

    answer(TOKEN, check, lambda dialog: dialog.reject())


def test_a_new_secret_is_typed_twice(answer: Answer, client: Client) -> None:
    ending, given = answer(
        NEW,
        typing("12345678", "New PIN"),
        says("Strength: fair"),
        enter,  # to the second field
        lambda dialog: _is(dialog.focusWidget() is find(dialog, "Once more")),
        typing("12345679", "Once more"),
        enter,
        says("Not the same."),
        lambda dialog: _is(dialog.focusWidget() is find(dialog, "New PIN")),
        ready(is_so=False),
        typing("12345678", "New PIN"),
        typing("12345678", "Once more"),
        enter,
    )
    assert (ending, given) == (Ending.OK, b"12345678")
    assert client.judged[:2] == [b"1", b"12"]


def test_what_the_client_would_refuse_is_told_before_it_is_sent(answer: Answer) -> None:
    ending, given = answer(
        NEW,
        typing("123", "New PIN"),
        says("Strength: not enough"),
        typing("123", "Once more"),
        enter,
        says("Too short."),
        typing("4", "New PIN"),  # instead of what is selected
        lambda dialog: _is("Too short." not in texts(dialog)),
        typing("4", "Once more"),
        lambda dialog: dialog.reject(),
    )
    assert (ending, given) == (Ending.CANCELLED, b"")


def test_a_proposal_is_shown_copied_and_typed_once_more(answer: Answer) -> None:
    def shown(dialog: PinDialog) -> None:
        field = find(dialog, "New PIN")
        assert isinstance(field, QLineEdit)
        assert field.text() == PROPOSED.decode()
        assert dialog.focusWidget() is find(dialog, "Once more")

    def paste(dialog: PinDialog) -> None:
        data = QGuiApplication.clipboard().mimeData()
        assert data.hasFormat("x-kde-passwordManagerHint")
        find(dialog, "Once more").setFocus()
        QTest.keyClick(find(dialog, "Once more"), Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)

    ending, given = answer(
        NEW,
        pressing("Propose a PIN"),
        shown,
        says("Strength: strong", "nobody can give it back to you"),
        ready(is_so=False),
        typing("7kqm", "Once more"),
        enter,
        says("Not the same."),
        shown,  # it can be read: the slip is in the other one
        pressing("Copy"),
        paste,
        enter,
    )
    assert (ending, given) == (Ending.OK, PROPOSED)


def test_showing_and_hiding(answer: Answer) -> None:
    def is_shown(*, yes: bool) -> Play:
        def check(dialog: PinDialog) -> None:
            field = find(dialog, "New PIN")
            assert isinstance(field, QLineEdit)
            assert (field.text() == "ab") is yes
            assert (field.echoMode() == QLineEdit.EchoMode.Normal) is yes

        return check

    answer(
        NEW,
        typing("ab", "New PIN"),
        is_shown(yes=False),
        pressing(SHOW_NEW),
        is_shown(yes=True),
        pressing("Hide what is typed – New PIN"),
        is_shown(yes=False),
        lambda dialog: dialog.reject(),
    )


def test_caps_lock_is_told(answer: Answer) -> None:
    def capital(dialog: PinDialog) -> None:
        from PySide6.QtCore import QEvent
        from PySide6.QtGui import QKeyEvent

        field = find(dialog, "PIN of the token")
        held = Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(field, QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_A, held, "A"))

    def quiet(dialog: PinDialog) -> None:
        assert "Caps Lock is on" not in texts(dialog)

    answer(
        TOKEN,
        quiet,
        capital,
        says("Caps Lock is on"),
        typing("b"),
        quiet,
        lambda dialog: dialog.reject(),
    )


def test_the_error_of_the_client_stands_there(answer: Answer) -> None:
    answer(
        replace(TOKEN, error="The PIN was wrong."),
        says("The PIN was wrong."),
        lambda dialog: dialog.reject(),
    )


def test_texts_are_no_markup_and_shortcuts_no_text(answer: Answer) -> None:
    def check(dialog: PinDialog) -> None:
        assert {"_Go & do", "Cancel"} <= set(names(dialog))

    answer(
        Asked(text="<b>bold</b>", prompt="PIN", ok="__Go & do", cancel="_Cancel"),
        says("<b>bold</b>"),
        typing("1", "PIN"),
        check,
        lambda dialog: dialog.reject(),
    )


def test_time_runs_out(answer: Answer) -> None:
    asked = replace(TOKEN, timeout_s=1)
    ending, given = answer(asked, typing("12"), says("Closes in 1 s"))
    assert (ending, given) == (Ending.TIMED_OUT, b"")


def test_a_client_that_goes_takes_the_window_with_it(answer: Answer, client: Client) -> None:
    def go(dialog: PinDialog) -> None:
        client.gone = True
        os.close(client.end)

    assert answer(TOKEN, typing("1234"), go) == (Ending.CANCELLED, b"")


@pytest.mark.parametrize(
    "step", [typing("1", "New PIN"), pressing("Propose a PIN")], ids=["judge", "propose"]
)
def test_a_client_that_does_not_answer(answer: Answer, client: Client, step: Play) -> None:
    def go(dialog: PinDialog) -> None:
        client.gone = True

    ending, given = answer(NEW, go, step)
    os.close(client.end)
    assert (ending, given) == (Ending.CANCELLED, b"")


@pytest.mark.parametrize("language", ["it", "en"])
def test_nothing_is_cut_off(answer: Answer, language: str) -> None:
    from PySide6.QtWidgets import QLabel

    def whole(dialog: PinDialog) -> None:
        QApplication.processEvents()
        for label in dialog.findChildren(QLabel):
            if label.isVisible() and label.text():
                needed = label.heightForWidth(label.width())
                assert label.height() >= max(needed, label.minimumSizeHint().height()), label.text()

    long = replace(
        TOKEN,
        attempts_remaining=1,
        label="Un token dal nome lungo " * 4,
        text="Una spiegazione che non finisce mai. " * 6,
        error="Un errore che va spiegato bene. " * 4,
    )
    use(language)
    try:
        answer(long, whole, lambda dialog: dialog.reject())
        answer(NEW, pressing("Propose a PIN"), whole, lambda dialog: dialog.reject())
    finally:
        use("en")


def _is(truth: bool) -> None:
    assert truth
