"""Backups on spare tokens, as the command line tells them; what is asked before a key goes."""

from typing import Any

import pytest
from tests.unit.cli.conftest import FakeAgent, Run

ID = "b" * 32
ROW: dict[str, Any] = {
    "backup_id": ID,
    "kind": "successor",
    "place": "token",
    "token": "0B34",
    "label": "Scorta",
    "folder": None,
    "state": "registered",
    "created_at": "2026-03-14T09:00:00Z",
}
TOKEN = {"manufacturer": "M", "model": "X", "serial": "0B34"}


def test_one_place_and_only_one(agent: FakeAgent, custode: Run) -> None:
    for words in (
        ["create"],
        ["create", "--to", "/x", "--on-token", "T"],
        ["create", "--on-token", "T", "--include", "/x"],
        ["activate", "--reason", "lost"],
        ["activate", ID, "--on-token", "T", "--reason", "lost"],
    ):
        ran = custode("backup", *words)
        assert ran.exit_code == 2
        assert "in a folder or on a spare token: name one of them, and only one" in ran.stderr
    assert agent.calls == []


def test_made_on_a_token(agent: FakeAgent, custode: Run) -> None:
    agent.answers["backup.create"] = {**ROW, "foreign_certificates": ["Anna"]}
    ran = custode("backup", "create", "--on-token", "Scorta", "--lang", "it")
    assert agent.params("backup.create")["on_token"] == "Scorta"
    for line in (
        "sul token “Scorta” (0B34)",
        "Il token porta anche certificati che non sono tuoi: Anna",
        "Conserva il token di riserva lontano dall'originale.",
    ):
        assert line in ran.stdout


def test_a_folder_says_that_a_second_token_is_here(agent: FakeAgent, custode: Run) -> None:
    offered = [{"serial": "0B34", "label": "Scorta"}]
    agent.answers["backup.create"] = {"folder": "F", "path": "/F", "spare_at_hand": offered}
    said = custode("backup", "create", "--to", "/x").stdout
    assert "A backup on it: custode backup create --on-token 0B34" in said
    agent.answers["backup.create"] = {"folder": "F", "path": "/F", "spare_at_hand": []}
    assert "--on-token" not in custode("backup", "create", "--to", "/x").stdout


def test_where_it_is_stands_in_every_list(agent: FakeAgent, custode: Run) -> None:
    unknown = {**ROW, "token": None, "label": None}
    agent.answers["backup.list"] = {"backups": [ROW, unknown, {**ROW, "place": "folder"}]}
    said = custode("backup", "list").stdout
    assert "on token “Scorta” (0B34)" in said
    assert "on a spare token" in said
    agent.answers["backup.show"] = {**ROW, "gate": {"allowed": False, "reasons": []}}
    assert "on token “Scorta” (0B34)" in custode("backup", "show", ID).stdout
    agent.answers["backup.named"] = ROW
    agent.answers["backup.retire"] = ROW
    assert custode("backup", "retire", ID).exit_code == 2  # nobody to ask


@pytest.mark.parametrize(
    ("token", "command"),
    [
        (TOKEN, "custode backup activate --on-token 0B34 --reason REASON"),
        (None, f"custode backup activate {ID} --reason REASON"),
    ],
)
def test_status_says_how_it_goes_on(
    agent: FakeAgent, custode: Run, token: dict[str, str] | None, command: str
) -> None:
    need = {
        "need": "operation_can_go_on",
        "token": token,
        "label": "Scorta" if token else "",
        "text_args": {"what": "spare.activate", "backup_id": ID},
    }
    row = {**ROW, "state": "collected", "token": token}
    agent.answers["status"] = {"backups": [row], "needs": [need], "gate": {"allowed": False}}
    said = custode("status").stdout
    assert f"  → {command}" in said
    assert f"The backup is activated. Now: {command}" in said
    assert ("on token “Scorta” (0B34), activated" in said) is (token is not None)


def test_the_red_notice_names_the_second_token(agent: FakeAgent, custode: Run) -> None:
    need = {"need": "backup_missing", "text_args": {"spare": "0B34"}}
    agent.answers["status"] = {"needs": [need]}
    said = custode("status").stdout
    assert "  → custode backup create --on-token 0B34   (or: --to DIR)" in said
    agent.answers["status"] = {"needs": [{**need, "text_args": {}}]}
    assert "  → custode backup create --to DIR" in custode("status").stdout


def test_what_is_left_is_told_with_its_token(agent: FakeAgent, custode: Run) -> None:
    args = {"serial": "0B34", "backup_id": ID}
    dead = {"need": "spare_key_dead", "label": "Scorta", "text_args": args}
    begun = {"need": "operation_can_go_on", "token": TOKEN, "text_args": {"what": "spare.create"}}
    agent.answers["status"] = {"needs": [dead, begun]}
    said = custode("status").stdout
    assert "custode backup clear 0B34" in said
    assert "  → custode backup create --on-token 0B34" in said


def test_activated_it_needs_no_restore(agent: FakeAgent, custode: Run) -> None:
    agent.answers["backup.activate"] = {**ROW, "expires_at": "2028-03-14T09:00:00Z"}
    ran = custode("backup", "activate", "--on-token", "0B34", "--reason", "lost")
    assert agent.params("backup.activate") == {
        "on_token": "0B34",
        "reason": "lost",
        "wait": False,
    }
    for line in ("Token “Scorta” is your original now", "No restore is needed."):
        assert line in ran.stdout


def test_no_key_goes_before_it_was_named(agent: FakeAgent, custode: Run) -> None:
    agent.answers["spare.clear.preview"] = {
        "token": "0B34",
        "label": "Scorta",
        "backups": [{"backup_id": ID, "state": "retired", "created_at": ROW["created_at"]}],
        "unfinished": 1,
    }
    agent.answers["spare.clear"] = {"destroyed": ["07"], "kept": []}
    refused = custode("backup", "clear")  # nobody to ask
    assert refused.exit_code == 2
    assert f"  – of backup {ID}, made on 14/03/2026" in refused.stderr
    assert "  – of a backup that was never finished" in refused.stderr
    assert [method for method, _ in agent.calls] == ["spare.clear.preview"]
    assert "The token may serve again." in custode("backup", "clear", "--yes").stdout
    agent.answers["spare.clear"] = {"destroyed": [], "kept": ["07"]}
    assert "cannot destroy a key" in custode("backup", "clear", "--yes").stdout


def test_a_report_names_it_as_what_to_go_on_with(agent: FakeAgent, custode: Run) -> None:
    agent.answers["report.preview"] = {"certificate": {"state": "cancelled"}, "backups": []}
    agent.answers["report"] = {"state": "suspended", "usable": [ROW]}
    said = custode("report", "lost").stdout
    assert "on token “Scorta” (0B34), made on 14/03/2026" in said
    assert "Next: custode backup activate --on-token 0B34 --reason lost" in said
