"""Wrong use is exit status 2, with a sentence; secrets are never taken from the command line."""

import json

import pytest
from tests.unit.cli.conftest import FakeAgent, Run


@pytest.mark.parametrize(
    "args",
    [
        ("nonsense",),
        ("status", "--nonsense"),
        ("status", "extra"),
        ("csr",),
        ("csr", "--out", "a.csr", "--key", "rsa512"),
        ("report",),
        ("report", "ceased"),
        ("report", "lost", "--last-held", "14-03-2026"),
        ("cancel", "--reason", "lost"),
        ("cancel", "OP-1"),
        ("cancel", "OP-1", "--reason", "boredom"),
        ("backup",),
        ("backup", "create"),
        ("backup", "activate", "folder", "--reason", "renewal"),
        ("backup", "restore", "folder"),
        ("identity", "set", "--code", "ABC"),
        ("identity", "set", "--code", "a b", "--codice-fiscale", "RSSMRA80A01H501U"),
        ("identity", "set", "--code", "ABC", "--codice-fiscale", "short"),
        ("install", "file.pem", "--operation", "OP-1"),
        ("audit", "show", "--limit", "0"),
        ("--lang", "fr", "status"),
        (),
    ],
)
@pytest.mark.parametrize("language", ["it", "en"])
def test_wrong_use_is_told(custode: Run, args: tuple[str, ...], language: str) -> None:
    told = args if "--lang" in args else (*args, "--lang", language)
    result = custode(*told)
    assert result.exit_code == 2
    assert result.stderr.startswith("custode: error: ")
    assert "custode: hint: " in result.stderr
    assert result.stdout == ""


def test_wrong_use_is_json_when_asked_for(custode: Run) -> None:
    told = json.loads(custode("csr", "--json").stdout)["error"]
    assert (told["code"], told["exit"]) == ("usage", 2)
    assert "--out" in told["message"]


def test_clicks_own_sentences_are_italian(custode: Run) -> None:
    said = custode("status", "--nonsense", "--lang", "it").stderr
    assert "L'opzione '--nonsense' non esiste." in said
    assert "custode status --help" in said


LITERALS = [
    ("csr", "--out", "a.csr", "--pin-source", "93847561"),
    ("csr", "--out", "a.csr", "--pin-source", "env:PIN"),
    ("csr", "--out", "a.csr", "--pin-source", "fd:93847561"),
    ("csr", "--out", "a.csr", "--pin-source", "fd:1"),
    ("csr", "--out", "a.csr", "--pin-source", "prompt:93847561"),
    ("csr", "--out", "a.csr", "--pin-source", ""),
    ("csr", "--out", "a.csr", "--pin", "93847561"),
    ("csr", "--out", "a.csr", "--pin=93847561"),
    ("token", "init", "--new-pin-source", "93847561"),
    ("token", "init", "--so-pin=93847561"),
    ("backup", "open", "folder", "--backup-pin-source", "93847561"),
    ("report", "lost", "--password-source", "93847561"),
    ("report", "lost", "--password", "93847561"),
]


@pytest.mark.parametrize("args", LITERALS)
def test_a_secret_on_the_command_line_is_refused_and_not_repeated(
    agent: FakeAgent, custode: Run, args: tuple[str, ...]
) -> None:
    result = custode(*args)
    assert result.exit_code == 2
    assert "A secret is never given on the command line" in result.stderr
    assert "93847561" not in result.output
    assert not agent.calls


@pytest.mark.parametrize(
    "source", ["fd:7777", "file:/nowhere/at/all", "file:/", "pinentry:/nowhere/at/all"]
)
def test_a_source_that_cannot_work_is_exit_2(agent: FakeAgent, custode: Run, source: str) -> None:
    agent.answers["backup.open"] = lambda _params, talk: talk.ask("backup_pin").decode()
    result = custode("backup", "open", "folder", "--backup-pin-source", source)
    assert result.exit_code == 2
    assert "The secret could not be used" in result.stderr
    assert not agent.secrets


def test_a_broken_source_is_found_before_anything_begins(agent: FakeAgent, custode: Run) -> None:
    assert custode("token", "init", "--so-pin-source", "file:/nowhere/at/all").exit_code == 2
    assert not agent.calls
