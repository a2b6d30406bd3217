"""A new secret in the PIN dialog: typed twice, judged, checked, proposed."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from tests.desktop.hands import find, texts
from tests.desktop.playing import (
    NEW,
    PROPOSED,
    Answer,
    Client,
    enter,
    holds,
    pressing,
    ready,
    says,
    typing,
)

from custode.desktop.pin_dialog.asked import Ending
from custode.desktop.pin_dialog.dialog import PinDialog


def test_a_new_secret_is_typed_twice(answer: Answer, client: Client) -> None:
    ending, given = answer(
        NEW,
        typing("12345678", "New PIN"),
        says("Strength: fair"),
        enter,  # to the second field
        lambda dialog: holds(dialog.focusWidget() is find(dialog, "Once more")),
        typing("12345679", "Once more"),
        enter,
        says("Not the same."),
        lambda dialog: holds(dialog.focusWidget() is find(dialog, "New PIN")),
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
        lambda dialog: holds("Too short." not in texts(dialog)),
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
