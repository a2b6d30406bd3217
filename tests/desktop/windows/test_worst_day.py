"""Report, activation, restore, trial: what they ask first, send, and say; nothing without a yes."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QRadioButton
from tests.desktop.hands import names, press
from tests.desktop.windows.played import PlayedDesk, settle
from tests.desktop.windows.situations.endings import (
    APPROVED,
    ASKED,
    BACKUP,
    FOLDER,
    FRESH,
    LOST,
    NEW,
    ON_SPARE,
    PREVIEW,
    REASONS,
    SHOWN,
    SUSPENDED,
    TOKEN,
    world,
)
from tests.desktop.windows.using import choose, fail, opened, ready, said, sent

from custode.desktop.windows import which_backup
from custode.error_codes import ErrorCode

# --- report ------------------------------------------------------------------------------------


def test_a_theft_is_reported_only_after_a_yes(desk: PlayedDesk) -> None:
    desk.told(**world())
    window = opened(desk, "report")
    assert not ready(window)
    choose(window, "It was stolen – Certificate stolen")
    press(window, "Next")
    assert not ready(window), "the copy is asked about"
    choose(window, "Yes, or I am not sure")
    press(window, "I remember the last day I surely had it")
    press(window, "Next")
    params = sent(desk, "report.preview")
    assert (params["reason"], params["backup_stolen_too"]) == ("theft", True)
    assert params["last_held"] == window.last_held.toString("yyyy-MM-dd")
    desk.calls[-1].done.emit(PREVIEW)
    settle()
    assert "cancelled at once" in said(window)
    assert "ROSSI01_2026-03-09, made on 09/03/2026" in said(window)
    assert not ready(window)
    press(window, "I have read it: it cannot be undone")
    press(window, "Report it…")
    assert sent(desk, "report") == params
    fail(desk, ErrorCode.WRONG_PASSWORD)
    assert ready(window), "it can be tried again, and nothing has to be said again"
    press(window, "Report it…")
    desk.calls[-1].done.emit({**LOST, "state": "cancelled", "usable": []})
    settle()
    assert "There is no backup that could be used." in said(window)
    press(window, "New certificate…")
    settle()
    assert list(desk._windows) == ["reissue"]


def test_a_fault_asks_nothing_more_and_leads_to_the_activation(desk: PlayedDesk) -> None:
    desk.told(**world())
    desk.answers = {
        "report.preview": {**PREVIEW, "backups": []},
        "report": LOST,
        "backup.show": SHOWN,
    }
    window = opened(desk, "report")
    choose(window, "It does not work any more – Malfunction")
    press(window, "Next")
    settle()
    assert window.at == "check"
    assert ready(window), "what the desk can take back wants no second yes"
    press(window, "Report it…")
    settle()
    desk.told(**world(SUSPENDED))
    press(window, "Activate the backup…")
    settle()
    (activation,) = desk._windows.values()
    assert (activation.name, activation.args["reason"]) == ("activate", "malfunction")


def test_which_certificate_is_asked_where_several_could_be_meant(desk: PlayedDesk) -> None:
    rows = [{**SUSPENDED, "id_operazione": one, "state": "active"} for one in ("A1", "B2", "C3")]
    desk.told(**{**world(), "certificates": rows})
    window = opened(desk, "report", reason="malfunction")
    press(window, "Next")
    fail(desk, ErrorCode.CERTIFICATE_AMBIGUOUS, operations="A1, C3")
    assert window.at == "which"
    cards = [card.accessibleName() for card in window.findChildren(QRadioButton)]
    assert [name[-2:] for name in cards] == ["A1", "C3"]
    choose(window, cards[1])
    press(window, "Next")
    assert sent(desk, "report.preview")["operation"] == "C3"


# --- activation --------------------------------------------------------------------------------


def activation(desk: PlayedDesk, backup: dict[str, Any], **more: Any) -> Any:
    desk.told(**world(SUSPENDED, backup, *more.pop("tokens", ())))
    desk.answers = {"backup.show": {**SHOWN, **backup}}
    return opened(desk, "activate", folder=FOLDER, **more)


def test_what_waits_for_the_desk_is_no_failure(desk: PlayedDesk) -> None:
    window = activation(desk, {})
    assert not ready(window), "an authority that approves at once ends the original"
    press(window, "Yes: cancel the original for good")
    press(window, "Ask for the activation…")
    assert sent(desk, "backup.activate") == {
        "folder": FOLDER,
        "on_token": None,
        "reason": "lost",
        "wait": False,
    }
    fail(desk, ErrorCode.STILL_GENERATING, operation="b", retry_after_s=5)
    assert sent(desk, "backup.list") == {}
    desk.told(**world(SUSPENDED, ASKED))
    desk.calls[-1].done.emit({"backups": []})
    settle()
    assert window.at == "steps"
    assert window.error is None
    assert "waiting since 10/03/2026 09:20" in said(window)
    assert not window.would_lose(), "it may be closed"
    window._ask_the_desk()
    assert sent(desk, "backup.list") == {}
    assert not window.busy, "nobody is kept waiting"
    desk.told(**world(SUSPENDED, APPROVED))
    assert "It is approved" in said(window)
    calls = len(desk.calls)
    window._ask_the_desk()
    assert len(desk.calls) == calls, "nothing is left to be asked"


def test_the_original_ends_only_after_a_yes(desk: PlayedDesk) -> None:
    window = activation(desk, APPROVED)
    assert not ready(window)
    press(window, "Yes: cancel the original for good")
    press(window, "Collect…")
    fail(desk, ErrorCode.WRONG_BACKUP_PIN, tries_remaining=2)
    assert "2" in said(window)
    assert ready(window), "the yes stays"


def test_why_is_asked_where_it_was_not_reported_from_here(desk: PlayedDesk) -> None:
    desk.told(**world({**SUSPENDED, "reported": None}))
    desk.answers = {"backup.show": SHOWN}
    window = opened(desk, "activate", folder=FOLDER)
    assert not ready(window)
    choose(window, "It was stolen")
    assert not ready(window)
    press(window, "Yes: cancel the original for good")
    press(window, "Ask for the activation…")
    assert sent(desk, "backup.activate")["reason"] == "theft"


def test_a_spare_token_is_waited_for(desk: PlayedDesk) -> None:
    row = {**TOKEN, "serial": "0C99", "label": "RISERVA", "present": False}
    status = {**world(SUSPENDED), "backups": [ON_SPARE]}
    desk.told(**status, **{"tokens": [row]} if "tokens" not in status else {})
    window = opened(desk, "activate", spare="0C99")
    assert "“RISERVA” (serial 0C99) has to sign this: plug it in." in said(window)
    assert not ready(window)
    press(window, "Yes: cancel the original for good")
    assert not ready(window)
    desk.told(**{**status, "tokens": [{**row, "present": True}]})
    assert ready(window)
    press(window, "Ask for the activation…")
    assert sent(desk, "backup.activate")["on_token"] == "0C99"
    desk.calls[-1].done.emit({"token": "0C99", "label": "RISERVA"})
    settle()
    assert "Token “RISERVA” is your original now" in said(window)
    assert "Make your backup now!" in names(window)


def test_a_stick_that_is_not_here_is_noticed_when_it_comes(desk: PlayedDesk) -> None:
    desk.told(**world(SUSPENDED))
    window = opened(desk, "activate", folder=FOLDER)
    fail(desk, ErrorCode.FILE_MISSING, path=FOLDER)
    assert "The folder “ROSSI01_2026-03-09” is not here now" in said(window)
    calls = len(desk.calls)
    for path, appeared in (("/x/OTHER", True), ("/x/ROSSI01_2026-03-09", False)):
        desk.on_event({"name": "backup_folder", "path": path, "appeared": appeared})
        settle()
    assert len(desk.calls) == calls
    found = "/media/anna/ELSEWHERE/ROSSI01_2026-03-09"
    desk.on_event({"name": "backup_folder", "path": found, "appeared": True})
    settle()
    assert sent(desk, "backup.show") == {"folder": found}
    desk.calls[-1].done.emit({**SHOWN, "path": found})
    settle()
    assert (window.at, window.folder) == ("steps", found)


def test_a_stick_that_is_mounted_again_is_noticed(desk: PlayedDesk, tmp_path: Any) -> None:
    folder = tmp_path / "stick" / "ROSSI01_2026-03-09"
    desk.told(**world(SUSPENDED, {"folder_path": str(folder)}))
    window = opened(desk, "activate", folder=str(folder))
    fail(desk, ErrorCode.FILE_MISSING, path=str(folder))
    calls = len(desk.calls)
    window._mounts.changed.emit()
    assert len(desk.calls) == calls, "it is not there yet"
    folder.mkdir(parents=True)
    window._mounts.changed.emit()
    assert sent(desk, "backup.show") == {"folder": str(folder)}


def test_any_other_folder_can_be_chosen(desk: PlayedDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.told(**world(SUSPENDED))
    window = opened(desk, "activate")
    assert not ready(window)
    monkeypatch.setattr(which_backup, "pick_folder", lambda *_: "")
    press(window, "Another folder…")
    assert not desk.calls
    monkeypatch.setattr(which_backup, "pick_folder", lambda *_: "/x/F")
    press(window, "Another folder…")
    assert sent(desk, "backup.show") == {"folder": "/x/F"}
    fail(desk, ErrorCode.BACKUP_OF_ANOTHER, path="/x/F")
    assert window.at == "which"
    assert window.error is not None
    choose(window, "ROSSI01_2026-03-02, made on 02/03/2026")
    press(window, "Next")
    assert sent(desk, "backup.show")["folder"].startswith("/media/anna/OLD/")


def test_one_that_is_dead_leads_to_another(desk: PlayedDesk) -> None:
    retired = {"state": "retired", "retired_why": "stolen"}
    window = activation(desk, retired)
    assert "it was reported as stolen" in said(window)
    press(window, "Choose another backup…")
    settle()
    assert window.at == "which"
    desk.told(**{**world(SUSPENDED), "backups": [{**BACKUP, **retired}]})
    again = opened(desk, "activate", folder=FOLDER, backup_id="b" * 32)
    assert again is not window
    shown = [one for one in QApplication.topLevelWidgets() if one.isVisible()]
    assert shown == [again], "one window, about the one that was asked for"
    press(again, "New certificate…")
    settle()
    assert "reissue" in desk._windows


# --- restore, trial, gate ----------------------------------------------------------------------


def test_a_backup_goes_onto_the_token_that_comes(desk: PlayedDesk) -> None:
    desk.told(**world(SUSPENDED, {"state": "collected"}, FRESH))
    desk.answers = {"backup.show": {**SHOWN, "state": "collected"}}
    window = opened(desk, "restore")
    assert window.at == "token", "the only one that can be meant is taken"
    assert not ready(window)
    press(window, "Prepare the token…")
    settle()
    assert desk._windows["token_init"].args == {"token": NEW["serial"]}
    desk.told(**world(SUSPENDED, {"state": "collected"}, NEW))
    assert ready(window)
    press(window, "Restore…")
    assert sent(desk, "backup.restore") == {"folder": FOLDER, "token": NEW["serial"]}
    fail(desk, ErrorCode.PIN_INCORRECT, token="ROSSI 2", attempts_remaining=2)
    assert window.token == NEW["serial"]
    press(window, "Restore…")
    desk.calls[-1].done.emit({"label": "ROSSI 2"})
    settle()
    assert "Make your backup now!" in said(window)


def test_the_gate_says_every_reason_and_follows(desk: PlayedDesk) -> None:
    desk.told(**world())
    window = opened(desk, "open", folder=FOLDER)
    desk.calls[-1].done.emit(SHOWN)
    settle()
    press(window, "Try it…")
    fail(desk, ErrorCode.GATE_CLOSED, reasons=REASONS)
    assert window.at == "blocked"
    assert "The original is here: token “ROSSI ANNA”" in said(window)
    desk.told(**world(None, None, TOKEN))
    assert sent(desk, "backup.show") == {"folder": FOLDER}
    gate = {"allowed": False, "reasons": REASONS[1:]}
    desk.calls[-1].done.emit({**SHOWN, "gate": gate})
    settle()
    assert "The original is here" not in said(window)
    press(window, "Report a loss, theft or fault…")
    settle()
    assert "report" in desk._windows


def test_how_it_stands_is_shown_live(desk: PlayedDesk) -> None:
    desk.told(**world())
    window = opened(desk, "blocked")
    assert "The backup cannot be used now" in said(window)
    assert window._primary is None
    desk.told(**{**world(), "gate": {"allowed": True, "reasons": []}})
    assert "The backup may be used now" in said(window)
    press(window, "Restore the backup…")
    settle()
    assert list(desk._windows) == ["restore"]
