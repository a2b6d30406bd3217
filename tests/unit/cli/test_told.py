"""What `status` and the commands of the worst day tell, and what they ask before they act."""

import json
from typing import Any

import pytest
from tests.unit.cli.conftest import FakeAgent, Run
from tests.unit.cli.test_commands import ROW, STATUS

from custode.error_codes import ErrorCode
from custode.errors import CustodeError


def status(**other: Any) -> dict[str, Any]:
    return {**STATUS, "needs": [], "config": {"file": "c.toml", "modules_changed": False}, **other}


def test_a_healthy_status_reassures(agent: FakeAgent, custode: Run) -> None:
    agent.answers["status"] = status()
    said = custode("status", "--lang", "it").stdout
    assert said.endswith(
        "È tutto a posto: la copia è pronta e resta chiusa finché l'originale è attivo.\n"
    )
    assert "L'originale è inserito" not in said
    assert json.loads(custode("status", "--json").stdout)["gate"] == STATUS["gate"]


@pytest.mark.parametrize(
    "near",
    [
        {"certificates": [{**ROW, "state": "suspended"}]},
        {"certificates": [{**ROW, "state": "cancelled"}]},
        {"backups": [{"folder_name": "F", "state": "requested"}]},
    ],
)
def test_the_gate_is_told_when_a_backup_is_about_to_be_used(
    agent: FakeAgent, custode: Run, near: dict[str, Any]
) -> None:
    agent.answers["status"] = status(**near)
    assert "  – L'originale è inserito: token" in custode("status", "--lang", "it").stdout


def test_an_activated_backup_says_how_it_goes_on(agent: FakeAgent, custode: Run) -> None:
    args = {"what": "backup.restore", "folder": "/media/F", "folder_name": "F"}
    agent.answers["status"] = status(
        backups=[{"folder_name": "F", "folder_path": "/media/F", "state": "collected"}],
        certificates=[{**ROW, "state": "cancelled", "cancelled_at": "2026-03-15T23:30:00Z"}],
        needs=[{"need": "operation_can_go_on", "text_args": args}],
    )
    said = custode("status", "--lang", "it").stdout
    command = "custode backup restore /media/F --token TOKEN"
    assert f"La copia è attivata. Ora: {command}" in said
    assert f"  → {command}" in said
    assert "annullato il 16/03/2026 – OP-7" in said
    assert "raggiung" not in said
    assert "  – L'originale è inserito" in said


def test_after_a_cancellation_the_way_on_is_a_new_certificate(
    agent: FakeAgent, custode: Run
) -> None:
    agent.answers["status"] = status(certificates=[{**ROW, "state": "cancelled"}], backups=[])
    said = custode("status", "--lang", "it").stdout
    assert said.endswith("Per un nuovo certificato: custode csr --out FILE.csr\n")
    assert "backup create" not in said


def test_a_missing_or_changed_module_is_said(agent: FakeAgent, custode: Run) -> None:
    agent.answers["status"] = none = status(drivers=[])
    said = custode("status", "--lang", "it").stdout
    assert (
        "Driver       nessuno, quindi nessun token è visibile: indica il suo modulo in c.t" in said
    )
    agent.answers["token.list"] = {**none, "tokens": []}
    assert "nessun token è visibile" in custode("token", "list", "--lang", "it").stderr
    changed = {"file": "c.toml", "modules_changed": True}
    agent.answers["token.list"] = {"tokens": [], "drivers": [{"ok": True}], "config": changed}
    assert "custode agent stop" in custode("token", "list").stderr
    broken = [{"module": "x.so", "path": "/x.so", "ok": False, "why": "No such file or directory"}]
    agent.answers["status"] = status(drivers=broken)
    assert "/x.so: non funziona (non esiste)" in custode("status", "--lang", "it").stdout


def readers(*cards: bool, why: str | None = None) -> dict[str, Any]:
    rows = [{"name": f"Acme 0{n} 00", "card": card} for n, card in enumerate(cards)]
    return {"ok": why is None, "why": why, "since": None, "modules": ["x.so"], "readers": rows}


@pytest.mark.parametrize(
    ("told", "english", "italian"),
    [
        (readers(), "card readers: none is plugged in", "lettori di carte: nessuno collegato"),
        (readers(True, False), "card readers: 2, with a card: 1", "2, con una carta: 1"),
        (readers(why="no_service"), "(PC/SC) does not run); start it", "non è in esecuzione); avv"),
        (readers(why="no_library"), "not installed); install it", "non è installata); instal"),
        (readers(why="refused"), "let this user in); have it", "questo utente); fagli"),
        (readers(why="0x8010001f"), "cannot be seen (0x8010001f)\n", "vedere (0x8010001f)\n"),
    ],
)
def test_readers_that_cannot_be_seen_are_not_readers_without_cards(
    agent: FakeAgent, custode: Run, told: dict[str, Any], english: str, italian: str
) -> None:
    agent.answers["status"] = status(readers=told)
    assert english in custode("status", "--lang", "en").stdout
    said = custode("status", "--lang", "it").stdout
    assert italian in said
    assert ("È tutto a posto" in said) is told["ok"]
    agent.answers["token.list"] = {"tokens": [], "drivers": [{"ok": True}], "readers": told}
    noted = custode("token", "list", "--lang", "en").stderr
    assert (english in noted) is not told["ok"]


UNTOUCHED = {"certificate": ROW, "backups": []}


FOLDER_ROW = {"backup_id": "b" * 32, "folder": "ABC_2026-03-20", "created_at": "2026-03-19T23:30Z"}


def test_a_report_shows_which_backups_it_retires_and_asks(
    agent: FakeAgent, custode: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custode.cli.face.Face.can_ask", lambda _face: True)
    agent.answers["report.preview"] = {"certificate": ROW, "backups": [FOLDER_ROW]}
    agent.answers["report"] = {
        "state": "suspended",
        "retired": [FOLDER_ROW],
        "retired_backups": ["b" * 32],
        "rejected_requests": ["OP-9"],
        "usable": [],
    }
    report = ("report", "lost", "--last-held", "14/03/2026", "--lang", "it")
    told = custode(*report, stdin="n\n")
    assert told.exit_code == 15
    assert "  – ABC_2026-03-20, fatta il 20/03/2026" in told.stderr
    assert "Annullato. Non è stato segnalato nulla." in told.stderr
    assert [name for name, _ in agent.calls] == ["report.preview"]
    for result in (custode(*report, stdin="s\n"), custode(*report, "--yes")):
        assert result.exit_code == 0
        assert "La copia ABC_2026-03-20, fatta il 20/03/2026 non vale più." in result.stdout
        assert "b" * 32 not in result.stdout
        assert "Non resta alcuna copia utilizzabile." in result.stdout
        assert "custode reissue --token TOKEN" in result.stdout
    sent = {"reason": "lost", "last_held": "2026-03-14", "backup_stolen_too": False}
    assert agent.calls[-1] == ("report", sent)


def test_a_report_names_the_certificates_that_came_out_of_a_stolen_backup(
    agent: FakeAgent, custode: Run
) -> None:
    came = {**ROW, "id_operazione": "OP-2", "state": "active"}
    agent.answers["report.preview"] = {**UNTOUCHED, "certificates": [came]}
    agent.answers["report"] = {"state": "cancelled", "cancelled_successors": ["OP-2"]}
    told = custode("report", "theft", "--backup-stolen-too", "--lang", "it")
    shown = told.stderr.partition("Questi certificati venivano da una copia simile")[2]
    assert "OP-2" in shown
    assert "Il certificato OP-2, che ne era venuto, è stato annullato." in told.stdout


def test_a_report_names_the_backup_that_can_be_used(agent: FakeAgent, custode: Run) -> None:
    agent.answers["report.preview"] = UNTOUCHED
    agent.answers["report"] = {"state": "suspended", "usable": [{**FOLDER_ROW, "path": "/m/A"}]}
    said = custode("report", "malfunction", "--lang", "it").stdout
    assert "Copia utilizzabile: ABC_2026-03-20" in said
    assert said.endswith("Ora: custode backup activate /m/A --reason malfunction\n")


def test_a_report_says_nothing_before_there_is_something_to_report(
    agent: FakeAgent, custode: Run
) -> None:
    agent.answers["report.preview"] = CustodeError(ErrorCode.NO_CERTIFICATE)
    result = custode("report", "lost")
    assert result.exit_code == 1
    assert "suspended" not in result.stderr
    agent.answers["report.preview"] = {"certificate": {**ROW, "state": "cancelled"}, "backups": []}
    agent.answers["report"] = {"state": "cancelled"}
    assert "suspended" not in custode("report", "lost").stderr


def test_a_day_to_come_is_refused_at_once(agent: FakeAgent, custode: Run) -> None:
    result = custode("report", "lost", "--last-held", "2999-01-01", "--lang", "it")
    assert result.exit_code == 2
    assert "è nel futuro. Non è stato inviato nulla." in result.stderr
    assert not agent.calls


def test_escape_at_a_question_stops_everything(
    agent: FakeAgent, custode: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custode.cli.face.Face.can_ask", lambda _face: True)
    agent.answers["report.preview"] = UNTOUCHED
    for keys in ("\x1b\n", ""):
        assert custode("report", "theft", stdin=keys).exit_code == 15
    assert {name for name, _ in agent.calls} == {"report.preview"}


def test_a_backup_is_retired_by_its_folders_name(
    agent: FakeAgent, custode: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custode.cli.face.Face.can_ask", lambda _face: True)
    agent.answers["backup.named"] = CustodeError(ErrorCode.NO_SUCH_BACKUP, backup="x")
    assert custode("backup", "retire", "x", stdin="y\n").exit_code == 1
    agent.answers |= {"backup.named": FOLDER_ROW, "backup.retire": {}}
    refused = custode("backup", "retire", "ABC_2026-03-20", "--lang", "it", stdin="n\n")
    assert "Annullato. La copia non è stata toccata." in refused.stderr
    assert custode("backup", "retire", "ABC_2026-03-20", stdin="y\n").exit_code == 0
    assert agent.params("backup.retire") == {"backup_id": "b" * 32}


@pytest.mark.parametrize(
    ("signer", "told"),
    [
        (None, "there is none"),
        ({"label": "Anna", "serial": "0042", "present": False}, "“Anna” (serial 0042)"),
        ({"label": "Anna", "serial": "0042", "present": True}, ""),
    ],
)
def test_the_token_that_signs_is_named_before_a_backup_is_retired(
    agent: FakeAgent, custode: Run, signer: dict[str, Any] | None, told: str
) -> None:
    agent.answers |= {"backup.named": {**FOLDER_ROW, "signer": signer}, "backup.retire": {}}
    said = custode("backup", "retire", "ABC_2026-03-20").stderr  # nobody to ask: it stops there
    assert told in said
    assert ("plug it in" in said) is told.startswith("“")
    assert "backup.retire" not in [method for method, _ in agent.calls]


def test_a_broken_off_activation_says_what_stays(agent: FakeAgent, custode: Run) -> None:
    agent.answers["backup.activate"] = CustodeError(ErrorCode.CANCELLED)
    agent.answers["backup.show"] = {"state": "approved"}
    activate = ("backup", "activate", "/m/A", "--reason", "lost")
    result = custode(*activate, "--lang", "it")
    assert result.exit_code == 15
    assert "L'attivazione già richiesta per /m/A resta." in result.stderr
    agent.answers["backup.show"] = {"state": "registered"}
    assert "Cancelled: nothing further was done." in custode(*activate).stderr
    agent.answers["backup.activate"] = CustodeError(ErrorCode.BACKUP_LOCKED)
    assert custode(*activate).exit_code == 13


def test_a_theft_asks_whether_the_backup_was_stolen_too(
    agent: FakeAgent, custode: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custode.cli.face.Face.can_ask", lambda _face: True)
    agent.answers |= {"report.preview": UNTOUCHED, "report": {"state": "cancelled"}}
    result = custode("report", "theft", "--lang", "it", stdin="s\n")
    assert "verrà annullato subito. Non si può tornare indietro." in result.stderr
    assert "È stata rubata anche la copia di sicurezza?" in result.stderr
    assert agent.params("report")["backup_stolen_too"] is True
    assert "Il certificato ora è: annullato." in result.stdout
