"""The field for secrets edits like any other, and Qt is never given what is in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QGuiApplication, QInputMethodEvent, QKeyEvent, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from tests.desktop.hands import SHIFT, write
from tests.unit.cli.test_terminal import content

from custode.desktop.pin_dialog.field import DOT, SecretField
from custode.desktop.theme import Theme
from custode.prompts.secret import MAX_BYTES

NONE = Qt.KeyboardModifier.NoModifier
CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def field(theme: Theme) -> Iterator[SecretField]:
    made = SecretField("PIN")
    made.show()
    yield made
    made.wipe()
    made.deleteLater()


def held(field: SecretField) -> str:
    """What it holds; Qt shows a dot for each character, and as many."""
    secret = content(field.secret).decode()
    if not field.shown:
        assert field.text() == DOT * len(secret)
    return secret


def keys(field: SecretField, *sequence: Qt.Key | str) -> None:
    for key in sequence:
        if isinstance(key, str):
            write(field, key)
        else:
            QTest.keyClick(field, key)


def test_it_edits_like_any_field(field: SecretField) -> None:
    keys(field, "12345", Qt.Key.Key_Left, Qt.Key.Key_Left, "x", Qt.Key.Key_Backspace)
    assert (held(field), field.cursorPosition()) == ("12345", 3)
    keys(field, Qt.Key.Key_Delete, Qt.Key.Key_Home, "0")
    assert (held(field), field.cursorPosition()) == ("01235", 1)
    field.setSelection(1, 3)
    keys(field, "9")
    assert (held(field), field.cursorPosition()) == ("095", 2)
    field.selectAll()
    keys(field, Qt.Key.Key_Delete)
    assert held(field) == ""


def test_characters_are_not_bytes(field: SecretField) -> None:
    keys(field, "pìn€", Qt.Key.Key_Left, Qt.Key.Key_Backspace)
    assert held(field) == "pì€"
    field.take("a😀b".encode())
    assert content(field.secret).decode() == "a😀b"
    keys(field, Qt.Key.Key_Backspace, Qt.Key.Key_Backspace)
    assert held(field) == "a"


@pytest.mark.parametrize("shown", [False, True])
@pytest.mark.parametrize("key", ["Copy", "Cut", "Undo", "Redo"])
def test_nothing_gets_out_by_keys(field: SecretField, key: str, *, shown: bool) -> None:
    QGuiApplication.clipboard().setText("before")
    field.show_characters(shown=shown)
    keys(field, "12", Qt.Key.Key_Backspace, "3")
    field.selectAll()
    QTest.keySequence(field, QKeySequence(getattr(QKeySequence.StandardKey, key)))
    assert (held(field), QGuiApplication.clipboard().text()) == ("13", "before")


@pytest.mark.parametrize(
    ("there", "taken"), [("4711", "x4711"), ("47\n11\n", "x47"), ("", "x"), ("è 1", "xè 1")]
)
def test_paste_takes_one_line(field: SecretField, there: str, taken: str) -> None:
    QGuiApplication.clipboard().setText(there)
    keys(field, "x")
    QTest.keySequence(field, QKeySequence(QKeySequence.StandardKey.Paste))
    assert held(field) == taken


def test_shown_and_hidden_again(field: SecretField) -> None:
    keys(field, "ab1", Qt.Key.Key_Left)
    field.show_characters(shown=True)
    assert (field.text(), field.cursorPosition()) == ("ab1", 2)
    keys(field, "è", Qt.Key.Key_Home, Qt.Key.Key_Delete)
    assert (field.text(), held(field)) == ("bè1", "bè1")
    field.show_characters(shown=False)
    assert (field.text(), held(field)) == (DOT * 3, "bè1")


def test_what_assistive_programs_put_in(field: SecretField) -> None:
    """They set the text, or insert into it (AT-SPI EditableText); a keyboard on the screen does."""
    field.setText("1234")
    assert held(field) == "1234"
    field.setText(DOT * 2 + "x" + DOT * 2)
    assert held(field) == "12x34"
    field.setText(DOT * 2)
    assert len(held(field)) == 2
    field.show_characters(shown=True)
    field.setText("new")
    assert held(field) == "new"


def test_what_input_methods_compose(field: SecretField) -> None:
    event = QInputMethodEvent()
    event.setCommitString("ô")
    QApplication.sendEvent(field, event)
    assert held(field) == "ô"


def test_more_than_any_secret_is_not_taken(field: SecretField) -> None:
    field.take(b"1" * MAX_BYTES)
    keys(field, "2")
    assert held(field) == "1" * MAX_BYTES


def test_wiping_leaves_nothing(field: SecretField) -> None:
    field.show_characters(shown=True)
    keys(field, "4711")
    buffer = field.secret._buffer
    field.wipe()
    assert (field.text(), field.shown, held(field)) == ("", False, "")
    assert not any(buffer)


def test_caps_lock_is_told_from_letters(field: SecretField) -> None:
    told: list[bool] = []
    field.caps_lock.connect(told.append)
    write(field, "1")
    QTest.keyClick(field, Qt.Key.Key_CapsLock)
    assert not told  # nothing is known yet
    write(field, "aB")
    assert told == [False, False]
    for held, character in ((SHIFT, "a"), (NONE, "A")):
        event = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_A, held, character)
        QApplication.sendEvent(field, event)
    assert told[2:] == [True, True]
    QTest.keyClick(field, Qt.Key.Key_CapsLock)
    assert told[4:] == [False]


def test_shortcuts_are_no_text(field: SecretField) -> None:
    QTest.keyClick(field, Qt.Key.Key_B, CTRL)
    QTest.keyClick(field, Qt.Key.Key_B, Qt.KeyboardModifier.AltModifier)
    assert held(field) == ""
