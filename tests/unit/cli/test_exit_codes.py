"""Every error reaches the shell with its exit status, and is told the same way twice."""

import json
from typing import Any

import pytest
from tests.unit.cli.conftest import FakeAgent, Run

from custode.error_codes import ErrorCode
from custode.error_table import ROWS
from custode.errors import CustodeError

# The contract: design cli.md, "Exit codes".
CONTRACT = [
    (ErrorCode.FAILED, 1),
    (ErrorCode.USAGE, 2),
    (ErrorCode.GATE_CLOSED, 10),
    (ErrorCode.NO_SUCH_TOKEN, 11),
    (ErrorCode.TOKEN_GONE, 11),
    (ErrorCode.PIN_INCORRECT, 12),
    (ErrorCode.PIN_LOCKED, 13),
    (ErrorCode.PIN_LAST_ATTEMPT, 14),
    (ErrorCode.CANCELLED, 15),
    (ErrorCode.TIMED_OUT, 16),
    (ErrorCode.AUTHORITY_UNAVAILABLE, 20),
    (ErrorCode.AUTHORITY_REFUSED, 21),
    (ErrorCode.WRONG_CREDENTIALS, 22),
    (ErrorCode.STILL_GENERATING, 23),
    (ErrorCode.INTEGRITY, 30),
    (ErrorCode.NOT_SUPPORTED, 31),
    (ErrorCode.AGENT_UNAVAILABLE, 40),
]


@pytest.mark.parametrize(("code", "status"), CONTRACT)
def test_the_contracts_exit_statuses(
    agent: FakeAgent, custode: Run, code: ErrorCode, status: int
) -> None:
    agent.answers["status"] = CustodeError(code)
    assert custode("status").exit_code == status


@pytest.mark.parametrize("language", ["it", "en"])
def test_every_error_is_told_as_text_and_as_json(
    agent: FakeAgent, custode: Run, language: str
) -> None:
    for code in ErrorCode:
        agent.answers["status"] = CustodeError(code)
        result = custode("status", "--json", "--lang", language)
        told = json.loads(result.stdout)["error"]
        assert result.exit_code == told["exit"] == ROWS[code].exit, code
        assert set(told) == {"code", "exit", "message", "hint", "data"}
        assert told["code"] == code.value
        assert f"custode: error: {told['message']}\n" in result.stderr
        assert f"custode: hint: {told['hint']}\n" in result.stderr
        assert "{" not in told["message"] + told["hint"], code


def test_an_error_of_the_agent_is_told_in_italian(agent: FakeAgent, custode: Run) -> None:
    agent.answers["status"] = CustodeError(ErrorCode.PIN_INCORRECT, attempts_remaining=2)
    result = custode("--lang", "it", "status")
    assert result.exit_code == 12
    assert result.stdout == ""
    assert result.stderr == (
        "custode: error: Il PIN è errato. Tentativi rimasti: 2.\n"
        "custode: hint: Attenzione: a 0 tentativi (ora 2) il token si blocca.\n"
    )


def test_a_state_in_an_error_is_in_italian_too(agent: FakeAgent, custode: Run) -> None:
    error = CustodeError(ErrorCode.STATE_NOT_ALLOWED, what="OP-1", state="suspended")
    agent.answers["install"] = error
    assert "OP-1: lo stato è “sospeso”" in custode("install", "--lang=it").stderr


GATE = CustodeError(
    ErrorCode.GATE_CLOSED,
    reasons=[
        {
            "code": "original_present",
            "remedy": "remove_token",
            "text_args": {"label": "FIRMA", "serial": "0A12"},
        },
        {
            "code": "original_active",
            "remedy": "report",
            "text_args": {"state": "active", "said_at": "2026-03-14T09:00:00Z"},
        },
    ],
)


def test_a_blocked_backup_names_every_reason_and_what_would_change_it(
    agent: FakeAgent, custode: Run
) -> None:
    agent.answers["backup.open"] = GATE
    result = custode("backup", "open", "folder", "--lang", "it")
    assert result.exit_code == 10
    lines = result.stderr.splitlines()
    assert lines[0] == (
        "custode: error: La copia di sicurezza non si può usare adesso. Non è stata aperta."
    )
    assert lines[1] == "  – L'originale è inserito: token “FIRMA” (numero di serie 0A12)."
    assert lines[2] == "    Che cosa fare: togli quel token"
    assert lines[3] == "  – Per l'autorità l'originale è ancora attivo (14/03/2026 10:00)."
    assert "custode report lost|theft|malfunction" in lines[4]


def test_a_blocked_backup_gives_scripts_the_codes(agent: FakeAgent, custode: Run) -> None:
    agent.answers["backup.open"] = GATE
    told = json.loads(custode("backup", "open", "folder", "--json").stdout)["error"]
    assert told["exit"] == 10
    assert [reason["code"] for reason in told["data"]["reasons"]] == [
        "original_present",
        "original_active",
    ]


def test_what_nobody_foresaw_goes_to_a_log_and_the_log_is_named(
    agent: FakeAgent, custode: Run
) -> None:
    agent.answers["certificates.list"] = {"certificates": 7}
    result = custode("certificates")
    assert result.exit_code == 1
    log = result.stderr.partition("The details are in ")[2].strip()
    with open(log, encoding="utf-8") as stream:  # noqa: PTH123 - the path as a person reads it
        assert "TypeError" in stream.read()
    assert "Traceback" not in result.stderr


def test_no_agent_and_none_can_be_started(custode: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise CustodeError(ErrorCode.AGENT_UNAVAILABLE, log="agent.log")

    monkeypatch.setattr("custode.rpc.starting.start_agent", fail)
    result = custode("status", "--json")
    assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (
        40,
        "agent_unavailable",
    )


def test_stopping_an_agent_that_does_not_run_is_no_failure(custode: Run) -> None:
    result = custode("agent", "stop", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"running": False})
    assert custode("agent", "stop").stdout == "No agent is running.\n"


def test_control_characters_never_reach_the_terminal(agent: FakeAgent, custode: Run) -> None:
    row = {
        "id_operazione": "OP\x1b[2J1",
        "file_name": "a\u202egpj.csr",
        "state": "active",
        "outcome": "line\nbreak",
    }
    agent.answers["certificates.list"] = {"certificates": [row]}
    shown = custode("certificates").stdout
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert len(shown.splitlines()) == 2


def test_sizes_and_reasons_are_told_in_words(agent: FakeAgent, custode: Run) -> None:
    create = ("backup", "create", "--to", "d", "--lang", "it")
    agent.answers["backup.create"] = CustodeError(ErrorCode.NO_SPACE, needed=640_000, free=2_000)
    assert "servono 640 kB, ne sono liberi 2 kB." in custode(*create).stderr
    why = "Permission denied"
    agent.answers["backup.create"] = CustodeError(ErrorCode.FILE_UNWRITABLE, path="/d", why=why)
    assert "/d non si può scrivere: permesso negato." in custode(*create).stderr
    refused = CustodeError(ErrorCode.INCLUDE_REFUSED, name="a.txt", why="unreadable")
    agent.answers["backup.create"] = refused
    assert "a.txt non può andare nella copia: non si può leggere." in custode(*create).stderr


def test_what_a_check_was_about_is_told_in_words(agent: FakeAgent, custode: Run) -> None:
    agent.answers["status"] = CustodeError(ErrorCode.INTEGRITY, what="certificate_read_back")
    assert "il certificato riletto" in custode("status", "--lang", "it").stderr
    agent.answers["status"] = CustodeError(ErrorCode.STATE_NOT_ALLOWED, what="7", state="cancelled")
    assert "annullato" in custode("status", "--lang", "it").stderr


def test_no_class_name_reaches_a_person(agent: FakeAgent, custode: Run) -> None:
    agent.answers["status"] = CustodeError(ErrorCode.FAILED, kind="KeyError")
    told = custode("status", "--json", "--lang", "it")
    assert "KeyError" not in told.stderr
    assert json.loads(told.stdout)["error"]["data"] == {"kind": "KeyError"}


def test_an_agent_that_dies_while_it_works_is_said(agent: FakeAgent, custode: Run) -> None:
    def die(_params: Any, talk: Any) -> None:
        talk.hang_up()

    agent.answers["renew"] = die
    result = custode("renew", "--lang", "it")
    assert result.exit_code == 40
    assert "L'agente si è fermato mentre lavorava." in result.stderr
    assert "custode backup list" in result.stderr
