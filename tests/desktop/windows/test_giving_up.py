"""Cancellation, retirement, re-issue: nothing is ended that was not shown and agreed to."""

from __future__ import annotations

from PySide6.QtWidgets import QLineEdit
from tests.desktop.hands import find, press, type_into
from tests.desktop.windows.played import PlayedDesk, settle
from tests.desktop.windows.situations.endings import (
    BACKUP,
    CANCELLATION,
    GIVEN_UP,
    IN_ANSWER,
    TOKEN,
    world,
)
from tests.desktop.windows.using import choose, fail, opened, ready, said, sent

from custode.error_codes import ErrorCode


def test_nothing_is_cancelled_but_what_was_shown_and_confirmed(desk: PlayedDesk) -> None:
    desk.told(**world())
    desk.answers = {"cancel.preview": CANCELLATION}
    window = opened(desk, "cancel")
    assert ready(window), "the only one is chosen"
    press(window, "Next")
    choose(window, "Activity ceased")
    type_into(window, "A note for your own log (may be empty)", "closed")
    press(window, "Next")
    settle()
    assert "it takes in all your active certificates" in said(window)
    assert not ready(window)
    type_into(window, "To confirm, type: CANCEL THEM", "cancel them")
    press(window, "Cancel for good…")
    params = sent(desk, "cancel.run")
    assert (params["note"], params["covered"]) == ("closed", ["11", "11"])
    fail(desk, ErrorCode.COVERED_CHANGED)
    assert window.at == "why", "it is shown anew"
    field = find(window, "A note for your own log (may be empty)")
    assert isinstance(field, QLineEdit)
    assert field.text() == "closed"
    press(window, "Next")
    settle()
    assert not ready(window), "the yes was to something else"
    type_into(window, "To confirm, type: CANCEL THEM", "CANCEL THEM")
    press(window, "Cancel for good…")
    desk.calls[-1].done.emit({**CANCELLATION, "id_operazione": "X9", "reason": "theft"})
    settle()
    assert "2 certificates were cancelled (IdOperazione X9)." in said(window)
    press(window, "Report the theft…")
    assert desk._windows["report"].args == {"reason": "theft"}


def test_a_lost_stick_is_made_void_by_the_originals_token(desk: PlayedDesk) -> None:
    gone = {**TOKEN, "present": False}
    desk.told(**world(None, None, gone))
    window = opened(desk, "retire", backup_id=str(BACKUP["backup_id"]))
    press(window, "Next")
    settle()
    press(window, "Yes: make it void for good")
    assert "Your token “ROSSI ANNA” (serial 0A1277F39B4C) has to sign this" in said(window)
    assert not ready(window)
    desk.told(**world(None, None, TOKEN))
    assert ready(window)
    press(window, "Make it void…")
    assert sent(desk, "backup.retire") == {"backup_id": BACKUP["backup_id"]}
    desk.calls[-1].done.emit(IN_ANSWER)
    settle()
    assert "It was your only one." not in said(window), "an older one stands ready"


def test_a_token_is_given_up_only_after_the_word(desk: PlayedDesk) -> None:
    desk.told(**world(None, None, TOKEN))
    desk.answers = {"reissue.preview": GIVEN_UP}
    window = opened(desk, "reissue")
    press(window, "Next")
    settle()
    assert "Token “ROSSI ANNA” (serial 0A1277F39B4C) is erased." in said(window)
    assert not ready(window)
    type_into(window, "To confirm, type: GIVE IT UP", "give it up")
    press(window, "Issue anew…")
    assert sent(desk, "reissue.run") == {"token": "0A1277F39B4C", "given_up": ["a" * 64]}
    fail(desk, ErrorCode.WRONG_PASSWORD)
    assert ready(window)
    press(window, "Issue anew…")
    desk.calls[-1].done.emit({"label": "ROSSI ANNA", "id_operazione": "Y1"})
    settle()
    assert "Make your backup now!" in said(window)
