"""A cancellation is shown before it is asked for, and only what was shown is cancelled."""

import json
from typing import Any

import pytest
from tests.unit.cli.conftest import FakeAgent, Run

COVERED = [
    {"id_operazione": "OP-2", "serial_number": "22", "expires_at": "2028-03-14T09:00:00Z"},
    {"id_operazione": "OP-1", "serial_number": "11", "file_name": "a.csr"},
]
PREVIEW = {"cumulative": True, "reason": "ceased", "covered": COVERED}
DONE = {"id_operazione": "OP-3", "cumulative": True, "covered": COVERED}
ASKED = ("cancel", "OP-1", "--reason", "ceased")


@pytest.fixture(autouse=True)
def _answers(agent: FakeAgent) -> None:
    agent.answers |= {"cancel.preview": PREVIEW, "cancel.run": DONE}


def test_the_preview_says_what_the_cumulative_rule_takes_in(agent: FakeAgent, custode: Run) -> None:
    lines = custode(*ASKED, "--preview", "--lang", "it").stdout.splitlines()
    assert lines == [
        "Verranno annullati per sempre 2 certificati:",
        "  – OP-2, scade il 14/03/2028",
        "  – OP-1, a.csr",
        "Motivazione: Attività cessata",
        (
            "È la tua prima richiesta di annullamento: è cumulativa e comprende tutti i tuoi"
            " certificati attivi."
        ),
        "Non è stato annullato nulla: questa era l'anteprima.",
    ]
    assert [method for method, _ in agent.calls] == ["cancel.preview"]


def test_the_preview_is_json_when_asked_for(custode: Run) -> None:
    assert json.loads(custode(*ASKED, "--preview", "--json").stdout) == PREVIEW


def test_without_a_yes_and_nobody_to_ask_nothing_is_cancelled(
    agent: FakeAgent, custode: Run
) -> None:
    result = custode(*ASKED)
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert "for good:" in result.stderr
    assert [method for method, _ in agent.calls] == ["cancel.preview"]


def test_what_was_shown_goes_back_with_the_request(agent: FakeAgent, custode: Run) -> None:
    result = custode(*ASKED, "OP-2", "--note", "chiuso", "--yes", "--json")
    assert json.loads(result.stdout) == DONE
    assert agent.params("cancel.run") == {
        "operations": ["OP-1", "OP-2"],
        "reason": "ceased",
        "note": "chiuso",
        "covered": ["11", "22"],
    }


@pytest.mark.parametrize(
    ("answer", "status"),
    [("s", 0), ("sì", 0), ("SÌ", 0), ("n", 15), ("", 15), ("sicuro", 15), ("y", 15)],
)
def test_only_a_yes_is_a_yes(
    custode: Run, monkeypatch: pytest.MonkeyPatch, answer: str, status: int
) -> None:
    monkeypatch.setattr("custode.cli.face.Face.can_ask", lambda _face: True)
    assert custode(*ASKED, "--lang", "it", stdin=f"{answer}\n").exit_code == status


def test_what_was_cancelled_is_told(custode: Run) -> None:
    said = custode(*ASKED, "--yes", "--lang", "it").stdout
    assert "Sono stati annullati 2 certificati (IdOperazione OP-3)." in said
    assert "Puoi richiedere in ogni momento un nuovo certificato" in said


def test_one_certificate_is_told_in_the_singular(agent: FakeAgent, custode: Run) -> None:
    single: dict[str, Any] = {**PREVIEW, "cumulative": False, "covered": COVERED[:1]}
    agent.answers["cancel.preview"] = single
    said = custode(*ASKED, "--preview", "--lang", "it").stdout
    assert said.startswith("Verrà annullato per sempre 1 certificato:")
    assert "cumulativa" not in said


@pytest.mark.parametrize("reason", ["theft", "other"])
def test_a_theft_says_how_the_folder_is_reported_too(
    agent: FakeAgent, custode: Run, reason: str
) -> None:
    agent.answers["cancel.run"] = {**DONE, "reason": reason}
    said = custode("cancel", "OP-1", "--reason", reason, "--yes", "--lang", "it").stdout
    told = "la cartella della copia: custode report theft --backup-stolen-too" in said
    assert told is (reason == "theft")
