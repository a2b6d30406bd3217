"""The frame that every procedure stands in, with a small procedure in it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QMessageBox
from tests.desktop.hands import find, names, press, texts, type_into
from tests.desktop.windows.played import PlayedDesk, settle

from custode.desktop.colours import Scheme
from custode.desktop.view.action import Action, Do
from custode.desktop.windows import registry
from custode.desktop.windows.choices import Choice, Choices
from custode.desktop.windows.window import keyed
from custode.desktop.windows.wizard import Page, Wizard
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import t


class Rename(Wizard):
    """Gives something a name; what was typed is kept apart from the field."""

    start = "name"

    def __init__(self, desk: Any, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        self.typed = args.get("name", "")
        self.kind = ""
        self.answer: Any = None

    def title(self) -> str:
        return t("Name")

    def steps(self) -> Sequence[str]:
        return (t("Name"), t("Yes"))

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        return {"name": self._name, "done": self._done}

    def depends_on(self) -> object:
        return self.desk.status.get("identity")

    def _name(self) -> Page:
        field = QLineEdit(self.typed)
        field.setAccessibleName(t("Name"))
        field.textEdited.connect(self._type)
        kinds = Choices(t("Which"), [Choice("a", "A", "The first"), Choice("b", "B")], self.kind)
        kinds.chosen.connect(self._choose)
        return Page(
            t("Name"),
            body=[keyed(field, "name"), kinds],
            primary="Go",
            then=self._work,
            ready=bool(self.typed),
        )

    def _done(self) -> Page:
        return Page(t("Yes"), str(self.answer), step=1, last=True)

    def _type(self, text: str) -> None:
        self.typed = text
        self.set_ready(bool(text))

    def _choose(self, kind: str) -> None:
        self.kind = kind

    def _work(self) -> None:
        self.run("rename", {"to": self.typed}, t("Close"), step=1, done=self._renamed)

    def _renamed(self, answer: Any) -> None:
        self.answer = answer
        self.go("done")


@pytest.fixture
def window(desk: PlayedDesk, monkeypatch: pytest.MonkeyPatch) -> Rename:
    monkeypatch.setattr(registry, "load", lambda name: Rename)
    opened = desk.open("rename")
    assert isinstance(opened, Rename)
    settle()
    return opened


def enter(window: Rename) -> None:
    QTest.keyClick(window.focusWidget(), Qt.Key.Key_Return)
    settle()


def test_the_first_field_has_the_focus_and_enter_goes_on_when_it_may(
    desk: PlayedDesk, window: Rename
) -> None:
    assert window.focusWidget() is find(window, "Name")
    enter(window)
    assert desk.calls == []
    type_into(window, "Name", "Anna")
    enter(window)
    assert (desk.calls[0].method, desk.calls[0].params) == ("rename", {"to": "Anna"})


def test_progress_is_told_and_the_end_is_shown(desk: PlayedDesk, window: Rename) -> None:
    type_into(window, "Name", "Anna")
    enter(window)
    (call,) = desk.calls
    call.asking.emit(True)
    assert "Type it in the window that has opened." in texts(window)
    call.asking.emit(False)
    call.progress.emit("csr.key", "")
    call.progress.emit("csr.signing", "")
    settle()
    said = texts(window)
    assert "✓  The token makes the key (this can take a minute)" in said
    assert "→  The token signs the request" in said
    call.done.emit("it is so")
    settle()
    assert "it is so" in texts(window)
    assert window.focusWidget() is find(window, "Close")
    enter(window)
    assert not desk._windows


def test_an_error_leaves_what_was_typed_and_says_what_to_do(
    desk: PlayedDesk, window: Rename
) -> None:
    type_into(window, "Name", "Anna")
    enter(window)
    desk.calls[0].failed.emit(CustodeError(ErrorCode.PIN_LOCKED, token="T", serial="0042"))
    settle()
    assert window.typed == "Anna"
    field = find(window, "Name")
    assert isinstance(field, QLineEdit)
    assert field.text() == "Anna"
    said = " ".join(texts(window))
    assert "With the token's PUK (SO PIN) you can give it a new PIN." in said
    assert "Unblock the PIN…" in names(window)
    enter(window)
    assert len(desk.calls) == 2, "it can be tried again at once"


def test_the_last_attempt_wants_an_explicit_yes(desk: PlayedDesk, window: Rename) -> None:
    type_into(window, "Name", "Anna")
    enter(window)
    desk.calls[0].failed.emit(CustodeError(ErrorCode.PIN_LAST_ATTEMPT, token="T", serial="1"))
    settle()
    assert not find(window, "Try with the last attempt").isEnabled()
    press(window, "I know; use the last try")
    press(window, "Try with the last attempt")
    assert desk.calls[-1].params == {"to": "Anna", "use_last_attempt": True}


def test_stopping_ends_the_call_and_comes_back(desk: PlayedDesk, window: Rename) -> None:
    type_into(window, "Name", "Anna")
    enter(window)
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert desk.calls[0].cancelled
    desk.calls[0].failed.emit(CustodeError(ErrorCode.CANCELLED))
    settle()
    assert window.isVisible()
    assert any("Cancelled" in said for said in texts(window))
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not desk._windows


def test_language_and_look_change_while_one_types(desk: PlayedDesk, window: Rename) -> None:
    type_into(window, "Name", "Ann")
    press(window, "B")
    find(window, "Name").setFocus()
    desk.use_language("it")
    settle()
    field = window.focusWidget()
    assert isinstance(field, QLineEdit)
    assert (field.text(), field.accessibleName()) == ("Ann", "Nome")
    assert window.windowTitle() == "Nome"
    assert window.kind == "b"
    type_into(window, "Nome", "a")
    assert window.typed == "Anna"
    desk.theme.use(Scheme.DARK)
    settle()
    assert isinstance(window.focusWidget(), QLineEdit)
    desk.theme.use(Scheme.LIGHT)


def test_it_follows_what_it_depends_on_and_nothing_else(desk: PlayedDesk, window: Rename) -> None:
    content = window._content
    desk.told(tokens=[])
    assert window._content is content
    desk.told(identity={"code": "ROSSI01"})
    assert window._content is not content


def test_opened_again_it_comes_to_the_front_or_is_made_anew(
    desk: PlayedDesk, window: Rename
) -> None:
    assert desk.open("rename") is window
    other = desk.open("rename", name="Carla")
    assert other is not window
    assert isinstance(other, Rename)
    assert other.typed == "Carla"


def test_closing_asks_only_when_something_would_be_lost(
    desk: PlayedDesk, window: Rename, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "would_lose", lambda: "Really?")
    answered: list[str] = []

    def answer(what: str) -> None:
        (box,) = (one for one in QApplication.topLevelWidgets() if isinstance(one, QMessageBox))
        answered.append(box.text())
        next(button for button in box.buttons() if button.text() == what).click()

    for what, stays in (("No", True), ("Yes", False)):
        QTimer.singleShot(50, window, lambda what=what: answer(what))
        QTest.keyClick(window, Qt.Key.Key_Escape)
        assert ("rename" in desk._windows) is stays
    assert answered == ["Really?"] * 2


def test_where_something_is_destroyed_enter_leaves(
    desk: PlayedDesk, window: Rename, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page("Gone", primary="Destroy", then=window._work, danger=True)
    monkeypatch.setattr(window, "pages", lambda: {"gone": lambda: page})
    window.go("gone")
    assert window.focusWidget() is find(window, "Cancel")
    enter(window)
    assert not desk.calls


def test_what_goes_wrong_beside_a_window_is_told(desk: PlayedDesk, window: Rename) -> None:
    desk.do(Action(Do.SNOOZE, "expiry:1"))
    assert desk.calls[-1].params == {"key": "expiry:1"}
    desk.calls[-1].failed.emit(CustodeError(ErrorCode.AGENT_DIED))
    (box,) = (one for one in QApplication.topLevelWidgets() if isinstance(one, QMessageBox))
    assert "The agent ended" in box.text()
    box.close()
    desk.do(Action(Do.LANGUAGE, "it"))
    assert desk.calls[-1].params == {"language": "it"}


@pytest.mark.parametrize("fails", [True, False])
def test_what_ends_after_its_window_was_closed_is_told_to_nobody(
    desk: PlayedDesk, window: Rename, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    wrong: list[BaseException] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: wrong.append(error))
    monkeypatch.setattr(window, "confirms", bool)
    type_into(window, "Name", "Anna")
    enter(window)
    window.close()
    settle()
    (call,) = desk.calls
    assert call.cancelled
    if fails:
        call.failed.emit(CustodeError(ErrorCode.CANCELLED))
    else:
        call.done.emit("it is so")
    settle()
    assert not wrong


def test_a_page_that_fills_later_has_its_focus_where_it_begins(
    desk: PlayedDesk, window: Rename, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, there = Page("Wait"), Page("There", primary="Go on", then=window._work)
    pages = {"name": lambda: waiting}
    monkeypatch.setattr(window, "pages", lambda: pages)
    window.go("name")
    assert window.focusWidget() is find(window, "Cancel")
    pages["name"] = lambda: there
    window.refill()
    assert window.focusWidget() is find(window, "Go on")
    find(window, "Cancel").setFocus()
    window.refill()
    assert window.focusWidget() is find(window, "Cancel"), "where the person went"


def test_closing_while_a_pin_is_asked_for_asks_nothing(desk: PlayedDesk, window: Rename) -> None:
    type_into(window, "Name", "Anna")
    enter(window)
    (call,) = desk.calls
    call.asking.emit(True)
    assert window.close()
    settle()
    assert "rename" not in desk._windows
    assert call.cancelled


def test_a_window_that_grows_at_the_edge_stays_on_the_screen(
    desk: PlayedDesk, window: Rename
) -> None:
    room = window.screen().availableGeometry()
    window.resize(window.minimumWidth(), 120)
    window.move(room.right() - window.width() + 1, room.bottom() - 120)
    window.show_error(CustodeError(ErrorCode.TIMED_OUT, seconds=3))
    settle()
    assert room.contains(window.frameGeometry())
