"""The backup wizard while things change around it: tokens and sticks come, go and fail."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QRadioButton
from tests.desktop import hands
from tests.desktop.windows.played import PlayedDesk, settle
from tests.desktop.windows.situations.backup import (
    GONE,
    PULLED,
    RICH,
    SAVED,
    SEEN,
    STANDING,
    STICK,
    VOLUMES,
)

from custode.desktop.windows import backup
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import use

NO_STICK = {**VOLUMES, "volumes": []}


@pytest.fixture(autouse=True)
def english() -> None:
    use("en")


def opened(desk: PlayedDesk, standing: Any = STANDING, volumes: Any = VOLUMES, **args: str) -> Any:
    desk.answers = {"backup.standing": standing, "volumes.list": volumes}
    window = desk.open("backup", **args)
    settle()
    return window


def says(window: Any, words: str) -> bool:
    return any(words in one for one in hands.texts(window))


def choose(window: Any, title: str) -> None:
    (card,) = [one for one in window.findChildren(QRadioButton) if one.text() == title]
    card.click()
    settle()


def stick(desk: PlayedDesk, window: Any, volumes: Any) -> None:
    """The mount table has changed."""
    desk.answers["volumes.list"] = volumes
    window._mounts.changed.emit()
    settle()


def test_a_stick_that_comes_is_chosen_and_one_that_goes_is_not(desk: PlayedDesk) -> None:
    window = opened(desk, volumes=NO_STICK)
    assert not window._primary.isEnabled()
    stick(desk, window, VOLUMES)
    assert window.plan.place == STICK["path"]
    assert window._primary.isEnabled()
    stick(desk, window, NO_STICK)
    assert not window._primary.isEnabled()
    stick(desk, window, VOLUMES)  # the same one again
    assert window._primary.isEnabled()


def test_the_token_that_is_missing_is_waited_for(desk: PlayedDesk) -> None:
    window = opened(desk, GONE)
    assert says(window, "Token Firma Anna Rossi is not plugged in.")
    assert not says(window, "Where is it to be saved?")
    desk.answers["backup.standing"] = STANDING
    desk.told(tokens=[{"serial": "8f3c21aa90b14d02", "present": True}])
    assert says(window, "Where is it to be saved?")
    assert window._primary.isEnabled()


def test_a_second_token_is_a_place_without_contents(desk: PlayedDesk) -> None:
    window = opened(desk, RICH, spare="5b2e77c0d1a94e11")
    assert not says(window, "Contents")
    hands.press(window, "Continue")
    hands.press(window, "Save the backup")
    assert desk.calls[-1].params == {"on_token": "5b2e77c0d1a94e11"}


def test_what_was_chosen_stays_when_the_place_fails(desk: PlayedDesk) -> None:
    window = opened(desk, RICH)
    choose(window, "COPIE")
    hands.press(window, "Continue")
    choose(window, "A copy of the key")
    hands.press(window, "Continue")
    hands.press(window, "Save the backup")
    chosen = {"to": STICK["path"], "kind": "copy", "include": []}
    assert (desk.calls[-1].method, desk.calls[-1].params) == ("backup.create", chosen)
    desk.calls[-1].failed.emit(PULLED)
    settle()
    assert says(window, "the medium is gone")
    hands.press(window, "Save the backup")
    assert desk.calls[-1].params == chosen
    desk.calls[-1].failed.emit(PULLED)
    settle()
    hands.press(window, "Choose another place…")
    assert says(window, "Where is it to be saved?")


def test_another_folder_and_when_that_is_gone(
    desk: PlayedDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = opened(desk, volumes=NO_STICK)
    named = {**STICK, "path": "/media/anna/COPIE/mie"}
    monkeypatch.setattr(backup, "pick_folder", lambda *_: named["path"])
    desk.answers["volumes.list"] = {**NO_STICK, "folder": named}
    hands.press(window, "Another folder…")
    settle()
    assert desk.calls[-1].params == {"folder": named["path"]}
    assert window._primary.isEnabled()
    del desk.answers["volumes.list"]
    window._mounts.changed.emit()
    desk.answers["volumes.list"] = NO_STICK
    desk.calls[-1].failed.emit(CustodeError(ErrorCode.FILE_MISSING, path=named["path"]))
    settle()
    assert says(window, "It is no longer here")
    assert not window._primary.isEnabled()


def test_an_agent_that_does_not_answer_can_be_asked_again(desk: PlayedDesk) -> None:
    window: Any = desk.open("backup")
    for call in list(desk.calls):
        call.failed.emit(CustodeError(ErrorCode.AGENT_UNAVAILABLE, log="agent.log"))
    settle()
    desk.answers = {"backup.standing": STANDING, "volumes.list": VOLUMES}
    hands.press(window, "Try again")
    assert says(window, "Where is it to be saved?")


def test_what_is_saved_is_over_and_begins_anew(desk: PlayedDesk) -> None:
    window = opened(desk)
    hands.press(window, "Continue")
    hands.press(window, "Continue")
    hands.press(window, "Save the backup")
    desk.calls[-1].done.emit(SAVED)
    settle()
    assert says(window, "The backup was saved.")
    assert opened(desk) is not window
    desk.answers["backup.verify"] = SEEN
    checked: Any = desk.open("verify", folder=SEEN["path"])
    hands.press(checked, "Check it")
    assert says(checked, "The backup is whole")
    assert desk.open("verify") is not checked
