"""The PIN dialog as a person uses it: by keyboard, and by the names that can be heard."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit
from tests.desktop.hands import find, name, names, press, texts, type_into
from tests.desktop.playing import (
    NEW,
    SHOW_NEW,
    TOKEN,
    Answer,
    Client,
    Play,
    enter,
    holds,
    pressing,
    ready,
    says,
    typing,
)

from custode.desktop.pin_dialog.asked import Asked, Ending
from custode.desktop.pin_dialog.confirm import ConfirmDialog
from custode.desktop.pin_dialog.dialog import PinDialog
from custode.desktop.theme import Theme
from custode.locale.catalogue import use


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
        lambda dialog: holds(dialog.focusWidget() is find(dialog, last)),
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
        lambda dialog: holds(
            [w for w in QApplication.topLevelWidgets() if w.isVisible()] == [dialog]
        ),
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


@pytest.mark.parametrize(
    ("what", "ending"),
    [("Yes", Ending.OK), ("No", Ending.REFUSED), ("Cancel", Ending.CANCELLED)],
)
def test_other_clients_confirm(theme: Theme, client: Client, what: str, ending: Ending) -> None:
    asked = Asked(text="Really?\nIt is for good.", ok="_Yes", not_ok="_No", cancel="_Cancel")
    dialog = ConfirmDialog(asked, client, theme, one_button=False)
    QTimer.singleShot(0, dialog, lambda: press(dialog, what))
    QTimer.singleShot(10_000, dialog, dialog.reject)
    assert dialog.answer() is ending
    assert [label.text() for label in dialog.findChildren(QLabel) if label.text()] == [
        "Really?",
        "It is for good.",
    ]
    dialog.deleteLater()


def test_a_message_has_one_button(theme: Theme, client: Client) -> None:
    dialog = ConfirmDialog(Asked(text="Done.", timeout_s=1), client, theme, one_button=True)
    dialog.show()
    assert list(names(dialog)) == ["OK"]
    assert dialog.answer() is Ending.TIMED_OUT
    dialog.deleteLater()


@pytest.mark.parametrize(("text", "is_said"), [("", True), ("Of 6 to 8 characters.", False)])
def test_a_rule_is_said_once(answer: Answer, text: str, *, is_said: bool) -> None:
    answer(
        replace(NEW, text=text, rule="6 to 8 characters"),
        lambda dialog: holds(("6 to 8 characters" in texts(dialog)) is is_said),
        lambda dialog: dialog.reject(),
    )
