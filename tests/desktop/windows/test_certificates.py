"""What a person does in the windows of request, installation, renewal, PINs and doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QCheckBox, QComboBox, QRadioButton
from tests.desktop.hands import find, press, texts, type_into
from tests.desktop.windows.played import Played, PlayedDesk, settle
from tests.desktop.windows.situations.certificates import (
    ARRIVED,
    HELD,
    OTHER,
    SERIAL,
    SITUATIONS,
    UNSENT,
    answer,
    fit,
    row,
    seen,
    standing,
    status,
)
from tests.desktop.windows.situations.table import show

from custode.desktop.view.requesting import Stage
from custode.desktop.windows import doctor, install, request
from custode.error_codes import ErrorCode
from custode.errors import CustodeError, to_rpc

MAKE = "Make the key and send the request"
GONE = CustodeError(ErrorCode.TOKEN_GONE, token="ROSSI ANNA")


def opened(desk: PlayedDesk, name: str) -> Any:
    window = show(desk, SITUATIONS[name])
    settle()
    return window


def stands(desk: PlayedDesk, told: dict[str, Any], where: dict[str, Any]) -> None:
    """The agent says something new."""
    desk.answers["request.standing"] = where
    desk.told(**told)


def called(desk: PlayedDesk, method: str) -> Played:
    return next(call for call in reversed(desk.calls) if call.method == method)


def choose(window: Any, name: str) -> None:
    """Qt takes the ones that are not chosen out of the Tab chain: there one uses the arrows."""
    radio = next(one for one in window.findChildren(QRadioButton) if one.text() == name)
    radio.click()
    settle()


# --- request ---


def test_key_and_request_are_one_thing_and_the_window_follows_the_portal(desk: PlayedDesk) -> None:
    window = opened(desk, "request-key-copyable")
    (kinds,) = window.findChildren(QComboBox)
    kinds.setCurrentIndex(kinds.findData("p256"))
    press(window, MAKE)
    assert called(desk, "csr.create").params == {"token": SERIAL, "key": "p256", "copyable": True}
    made = {"csr": "PEM", "file_name": "a.csr", "token": SERIAL, "key": "p256"}
    answer(desk, "csr.create", made)
    assert called(desk, "request.create").params == {"csr": "PEM", "file_name": "a.csr"}
    coming = status(certificates=[row("generating")])
    desk.answers |= {"status": coming, "request.standing": standing(fit())}
    answer(desk, "request.create", {})
    assert window.at == Stage.WAITING
    assert "Nothing is lost if you close Custode." in texts(window)
    assert not window.would_lose()
    stands(desk, status(certificates=[row("active")], needs=ARRIVED), standing(fit()))
    assert window.at == Stage.INSTALL


def test_a_token_that_was_pulled_is_told_and_what_was_chosen_stays(desk: PlayedDesk) -> None:
    window = opened(desk, "request-key-copyable")
    choose(window, "NEGOZIO")
    (kinds,) = window.findChildren(QComboBox)
    kinds.setCurrentIndex(kinds.findData("p256"))
    press(window, MAKE)
    stands(desk, status(tokens=[]), standing())
    answer(desk, "csr.create", GONE)
    assert window.at == Stage.TOKEN
    assert any("is not plugged in" in text for text in texts(window))
    stands(desk, status(), standing(fit(), fit(OTHER, "NEGOZIO")))
    assert window.at == Stage.KEY
    (kinds,) = window.findChildren(QComboBox)
    assert kinds.currentData() == "p256"
    press(window, MAKE)
    assert called(desk, "csr.create").params["token"] == OTHER


def test_an_agent_that_does_not_answer_is_told_until_it_does(desk: PlayedDesk) -> None:
    desk.told(**status())
    window: Any = desk.open("request")
    settle()
    answer(desk, "request.standing", CustodeError(ErrorCode.AGENT_UNAVAILABLE, log="/l"))
    assert window.error is not None
    stands(desk, status(), standing(fit()))
    assert window.at == Stage.KEY
    assert window.error is None


def test_a_request_that_did_not_reach_the_portal_is_only_sent_again(desk: PlayedDesk) -> None:
    window = opened(desk, "request-not-sent")
    assert window.at == Stage.SEND
    assert any("cannot be reached" in text for text in texts(window))
    made = [call.method for call in desk.calls].count("csr.create")
    press(window, "Send the request")
    sent = {"csr": "PEM", "file_name": UNSENT["file_name"]}
    assert called(desk, "request.create").params == sent
    assert [call.method for call in desk.calls].count("csr.create") == made


def test_a_request_can_be_saved_for_the_portals_page(
    desk: PlayedDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request, "pick_folder", lambda *_: str(tmp_path))
    window = opened(desk, "request-unsent")
    press(window, "Save the file…")
    saved = tmp_path / str(UNSENT["file_name"])
    assert saved.read_text() == "PEM"
    assert str(saved) in texts(window)
    press(window, "Save the file…")
    assert any("already exists" in text for text in texts(window))


def test_a_new_key_is_made_only_when_it_is_wanted(desk: PlayedDesk) -> None:
    window = opened(desk, "request-unsent")
    assert window.at == Stage.SEND
    press(window, "Make a new key instead")
    assert window.at == Stage.KEY
    window.close()
    settle()
    window = opened(desk, "request-there")
    press(window, "Ask for another one")
    assert window.at == Stage.KEY


def test_the_portal_is_asked_now_and_when_its_time_has_come(desk: PlayedDesk) -> None:
    window = opened(desk, "request-waiting")
    assert window._timer.isActive()
    assert window._timer.interval() <= 3_600_000
    press(window, "Look now")
    assert called(desk, "certificates.list").params == {}
    desk.answers["status"] = status(certificates=[row("active")], needs=ARRIVED)
    answer(desk, "certificates.list", {})
    assert window.at == Stage.INSTALL
    assert not window._timer.isActive()


# --- installation and renewal ---


@pytest.mark.parametrize("name", ["install", "renew", "pin_change", "pin_unblock", "token_init"])
def test_nothing_is_said_before_the_agent_has(desk: PlayedDesk, name: str) -> None:
    window: Any = desk.open(name)
    settle()
    assert texts(window) == ["One moment…"]
    desk.on_status(None, CustodeError(ErrorCode.AGENT_UNAVAILABLE, log="/l"))
    settle()
    assert len(texts(window)) > 1
    desk.told(**status(certificates=HELD))
    assert "One moment…" not in texts(window)
    find(window, "Cancel" if name in {"renew", "pin_change", "pin_unblock"} else "Close")


def test_a_certificate_from_a_file(
    desk: PlayedDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.cer"
    monkeypatch.setattr(install, "pick_file", lambda *_: str(file))
    window = opened(desk, "install-none")
    file.write_text("no certificate")
    press(window, "Open the file…")
    assert any("cannot be read" in text for text in texts(window))
    file.write_bytes(b"\x30\x82\x01\x00rest")
    press(window, "Open the file…")
    assert window.at == "file"
    press(window, "Install")
    sent = called(desk, "install").params["certificate"]
    assert sent.startswith("-----BEGIN CERTIFICATE-----\nMIIBAHJlc3Q=\n")
    answer(desk, "install", {"id_operazione": "OP", "label": "ROSSI ANNA"})
    assert "Make your backup now!" in texts(window)


def test_the_renewal_is_told_before_it_is_made(desk: PlayedDesk) -> None:
    window = opened(desk, "renew-ready")
    assert any("cannot be read any more" in text for text in texts(window))
    press(window, "Renew")
    assert called(desk, "renew").params == {"key": None, "destroy_old_key": True}
    generating = CustodeError(ErrorCode.STILL_GENERATING, retry_after_s=9)
    answer(desk, "renew", generating)
    assert window.error is None
    assert "The portal is generating your certificate" in texts(window)
    press(window, "Go on")
    assert called(desk, "renew").params["destroy_old_key"] is True
    answer(desk, "renew", GONE)
    assert any("is not plugged in" in text for text in texts(window))


# --- PINs ---


def test_the_last_attempt_wants_an_explicit_yes(desk: PlayedDesk) -> None:
    window = opened(desk, "pin-change-last")
    assert not find(window, "Change the PIN…").isEnabled()
    press(window, "I know; use the last try")
    press(window, "Change the PIN…")
    wanted = {"token": SERIAL, "so": False, "use_last_attempt": True}
    assert called(desk, "token.pin.change").params == wanted
    desk.calls[-1].failed.emit(CustodeError(ErrorCode.CANCELLED))
    settle()
    choose(window, "NEGOZIO")
    press(window, "Change the PIN…")
    assert called(desk, "token.pin.change").params == {"token": OTHER, "so": False}


def test_which_pin_is_changed(desk: PlayedDesk) -> None:
    desk.told(**status())
    window = desk.open("pin_change", token=SERIAL, role="so")
    settle()
    press(window, "Change the PIN…")
    assert called(desk, "token.pin.change").params == {"token": SERIAL, "so": True}


def test_a_new_token_keeps_its_name_unless_it_is_given_another(desk: PlayedDesk) -> None:
    window = opened(desk, "token-init")
    press(window, "Prepare the token")
    assert called(desk, "token.init").params == {"serial": SERIAL, "label": None}
    desk.calls[-1].failed.emit(CustodeError(ErrorCode.CANCELLED))
    settle()
    type_into(window, "A name for the token (optional)", "Negozio")
    desk.told(**status(tokens=[seen(user_pin_initialized=False), seen(OTHER)]))
    press(window, "Prepare the token")
    assert called(desk, "token.init").params["label"] == "Negozio"


def test_what_comes_next_is_offered_when_a_token_is_ready(desk: PlayedDesk) -> None:
    window = opened(desk, "token-init-done")
    desk.answers["request.standing"] = standing(fit())
    press(window, "Ask for a certificate…")
    settle()
    assert set(desk._windows) == {"request"}


# --- doctor ---


def test_a_fault_leads_to_what_mends_it(desk: PlayedDesk) -> None:
    window = opened(desk, "doctor-found")
    assert any(text == "sudo apt-get install pcscd" for text in texts(window))
    press(window, "Go on…")
    assert "renew" in desk._windows
    shown = len(texts(window))
    press(window, "Show all")
    settle()
    assert len(texts(window)) > shown
    before = window._examination
    press(window, "Start the agent anew")
    assert called(desk, "agent.stop").params == {}
    answer(desk, "agent.stop", {})
    assert window.at == "looking"
    assert window._examination is not before
    window._examination.end()


def test_a_doctor_that_breaks_is_told(desk: PlayedDesk) -> None:
    window = opened(desk, "doctor-looking")
    window._look_again()
    window._examination._process.kill()
    window._examination._process.waitForFinished(5000)
    settle()
    assert window.error is not None
    assert window.error.code is ErrorCode.FAILED


@pytest.mark.parametrize("written", [True, False])
def test_a_report_for_support(
    desk: PlayedDesk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    written: bool,
) -> None:
    window = opened(desk, "doctor-found")
    asked: list[str] = []
    monkeypatch.setattr(doctor, "pick_folder", lambda *_: str(tmp_path))
    monkeypatch.setattr(window._examination, "ask_report", asked.append)
    press(window, "Save a report for support…")
    (path,) = asked
    assert Path(path).parent == tmp_path
    error = to_rpc(CustodeError(ErrorCode.FILE_UNWRITABLE, path=path, why="Permission denied"))
    window._examination._take({"report": path} if written else {"error": error})
    settle()
    told = "\n".join(texts(window))
    assert ("without personal data" in told) is written
    assert path in told
    assert bool(window.error) is not written


def test_boxes_say_what_they_do(desk: PlayedDesk) -> None:
    window = opened(desk, "request-key-copyable")
    (box,) = window.findChildren(QCheckBox)
    assert "backup" in box.accessibleDescription()
