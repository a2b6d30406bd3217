"""What the panel shows, as tables."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.desktop.windows.situations.panel import (
    BROKEN,
    CLOSED,
    FIRST,
    IDENTITY,
    LOST,
    NEW,
    WELL,
    backup,
    certificate,
    token,
)

from custode.desktop.view import panel
from custode.desktop.view.action import window
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import use

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    use("en")
    yield
    use("en")


def test_who_it_is_about() -> None:
    assert panel.who(NEW) == ("Anna Rossi", "RSSNNA80A41H501X · ROSSI01")
    assert panel.who({"identity": {**IDENTITY, "name": ""}})[0] == "ROSSI01"
    assert panel.who(FIRST)[0] == "Custode"


def test_what_is_pending_most_urgent_first_and_what_was_put_off_last() -> None:
    found = panel.pending(LOST)
    assert [one.need.kind for one in found] == [
        "last_pin_attempt",
        "operation_can_go_on",
        "recovery_export_missing",
    ]
    assert [bool(one.reminded) for one in found] == [False, False, True]
    assert panel.pending(NEW)[0].need.kind == panel.RED


@pytest.mark.parametrize(
    ("row", "text", "chip", "look"),
    [
        (token(), "PIN in order", "the original", "goodChip"),
        (token(pin_attempts_remaining=1), "PIN: only ONE attempt left", "the original", "goodChip"),
        (token(pin_locked=True), "PIN LOCKED", "the original", "goodChip"),
        (token(user_pin_initialized=False, state="unknown"), "without a PIN", "not known", "chip"),
        (token(state="retired"), "PIN in order", "no longer valid", "dangerChip"),
        (token(present=False), "the original", "not inserted", "chip"),
    ],
)
def test_tokens(row: dict[str, Any], text: str, chip: str, look: str) -> None:
    (line,) = panel.tokens({"tokens": [row]})
    assert text in line.text
    assert chip in line.chip
    assert line.look == look


def test_of_tokens_that_are_away_only_the_original_shows() -> None:
    assert panel.tokens({"tokens": [token(present=False, state="recognised")]}) == ()


@pytest.mark.parametrize(
    ("expires", "left", "level", "percent"),
    [
        ("2028-03-14T08:00:00Z", "725 days left", "good", 66),
        ("2026-04-10T08:00:00Z", "21 days left", "middle", 5),
        ("2026-03-25T08:00:00Z", "5 days left", "low", 1),
        ("2026-03-19T08:00:00Z", "1 day ago", "low", 0),
    ],
)
def test_the_time_a_certificate_has_left(expires: str, left: str, level: str, percent: int) -> None:
    found = panel.certificate({"certificates": [certificate(expires_at=expires)]}, NOW)
    assert found is not None
    assert (found.left, found.level, found.percent) == (left, level, percent)


def test_the_certificate_in_use_comes_before_newer_requests() -> None:
    rows = [
        certificate(original=False, state="cancelled", id_operazione="1"),
        certificate(id_operazione="2"),
        certificate(original=False, state="generating", expires_at=None, id_operazione="3"),
    ]
    found = panel.certificate({"certificates": rows}, NOW)
    assert found is not None
    assert "2" in found.line.title
    coming = panel.certificate({"certificates": [rows[0], rows[2]]}, NOW)
    assert coming is not None
    assert (coming.line.chip, coming.percent) == ("being generated", None)
    over = panel.certificate({"certificates": rows[:1]}, NOW)
    assert over is not None
    assert over.line.chip == "cancelled"
    assert panel.certificate({}, NOW) is None


@pytest.mark.parametrize(
    ("gate", "sentence", "good", "why"),
    [
        ({"allowed": True, "reasons": []}, "The backup may be used now.", True, False),
        (CLOSED, "stays closed while the original is active", True, True),
        (
            {"allowed": False, "reasons": [{"code": "no_grant"}]},
            "has not been granted",
            False,
            True,
        ),
        ({"allowed": False, "reasons": []}, "cannot be used now", False, True),
    ],
)
def test_the_gate_in_one_sentence(
    gate: dict[str, Any], sentence: str, good: bool, why: bool
) -> None:
    found = panel.gate({"backups": [backup()], "gate": gate})
    assert found is not None
    assert sentence in found.sentence
    assert (found.good, found.why) == (good, why)


def test_without_a_backup_the_gate_says_nothing() -> None:
    assert panel.gate({"backups": [], "gate": CLOSED}) is None
    assert panel.gate({"backups": [backup(state="retired")], "gate": CLOSED}) is None
    assert panel.gate({"backups": [backup(state="reserved")], "gate": CLOSED}) is None


def test_backups_newest_first_those_that_are_over_only_alone() -> None:
    rows = [backup(folder_name="OLD"), backup(folder_name="NEW"), backup(state="retired")]
    assert [line.title for line in panel.backups({"backups": rows})] == ["NEW", "OLD"]
    (over,) = panel.backups({"backups": rows[2:]})
    assert over.chip == "no longer valid"


def test_all_is_well_only_when_it_is() -> None:
    assert panel.all_is_well(WELL, None)
    for status in (NEW, LOST, BROKEN, FIRST, {}):
        assert not panel.all_is_well(status, None)
    assert not panel.all_is_well(WELL, CustodeError(ErrorCode.AGENT_UNAVAILABLE))


def test_every_problem_is_told_with_what_to_do() -> None:
    found = panel.problems(BROKEN, None)
    assert [one.serious for one in found] == [True] * 5 + [False]
    assert all(one.text and one.button and one.action == window("doctor") for one in found)
    assert "aruba-key" in " ".join(one.title for one in found)
    assert panel.problems(WELL, None) == ()


def test_without_an_agent_that_is_the_one_problem() -> None:
    (one,) = panel.problems(BROKEN, CustodeError(ErrorCode.AGENT_UNAVAILABLE, log="l"))
    assert one.title == "The agent is not running and could not be started."
    assert panel.coming(CustodeError(ErrorCode.AGENT_UNAVAILABLE)) == ""


def test_an_agent_that_is_about_to_be_there_is_no_problem() -> None:
    died = CustodeError(ErrorCode.AGENT_DIED)
    assert panel.problems(WELL, died) == ()
    assert panel.coming(died) == "Custode is starting again…"
    assert panel.coming(None) == "Custode is starting…"


def test_what_runs_now() -> None:
    ((doing, step),) = panel.running(LOST)
    assert (doing, step) == ("Make the backup", "The backup's folder is being written")
    assert panel.running({}) == ()
