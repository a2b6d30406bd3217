"""The table of errors: complete, translatable, and what travels over JSON-RPC."""

import json

import pytest

from custode.error_codes import ErrorCode
from custode.error_table import ROWS, msgids
from custode.errors import CustodeError, choose, fields, from_child, from_problem, from_rpc, to_rpc
from custode_authority.wire.problems import ProblemCode
from custode_drivers.api.errors import BY_CODE

# cli.md, "Exit codes"; 0 is no error.
EXITS = {1, 2, 10, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23, 30, 31, 40}


def test_every_code_has_a_row_and_every_exit_status_is_of_the_contract() -> None:
    assert set(ROWS) == set(ErrorCode)
    assert {row.exit for row in ROWS.values()} == EXITS


@pytest.mark.parametrize("code", ErrorCode)
def test_a_row_can_be_told_without_any_data(code: ErrorCode) -> None:
    row = ROWS[code]
    last = (row.message[-1], row.hint[-1])
    assert all(last)
    assert not any(fields(template) for template in last)
    error = CustodeError(code)
    assert (error.message, error.hint) == last


def test_no_sentence_is_shadowed_by_one_before_it() -> None:
    for row in ROWS.values():
        for templates in (row.message, row.hint):
            needed = [fields(template) for template in templates]
            for place, names in enumerate(needed):
                assert not any(earlier <= names for earlier in needed[:place]), templates


def test_messages_end_as_sentences() -> None:
    open_ended = {t for row in ROWS.values() for t in row.message if t[-1] not in ".}"}
    assert not open_ended
    assert len(set(msgids())) > len(ROWS)


@pytest.mark.parametrize(
    ("code", "data", "message", "status"),
    [
        (ErrorCode.PIN_INCORRECT, {"attempts_remaining": 2}, "Attempts left: 2.", 12),
        (ErrorCode.PIN_INCORRECT, {"attempts_remaining": 0}, "Attempts left: 0.", 12),
        (ErrorCode.PIN_INCORRECT, {"attempts_remaining": None}, "does not say how many", 12),
        (ErrorCode.PIN_LAST_ATTEMPT, {}, "was not sent", 14),
        (ErrorCode.CANCELLED, {}, "Cancelled", 15),
        (ErrorCode.SECRET_UNANSWERED, {"seconds": 5, "kind": "token_pin"}, "within 5 seconds", 16),
        (ErrorCode.AUTHORITY_STOPPED, {}, "authority.autostart = false", 20),
        (ErrorCode.STILL_GENERATING, {"retry_after_s": 7}, "in 7 seconds", 23),
        (ErrorCode.NOT_SUPPORTED, {"capability": "CKM_X"}, "CKM_X", 31),
        (ErrorCode.FILE_MISSING, {"path": "/a{b}"}, "/a{b} does not exist", 2),
    ],
)
def test_sentences(code: ErrorCode, data: dict[str, object], message: str, status: int) -> None:
    error = CustodeError(code, **data)
    assert message in str(error)
    assert error.exit == status


def test_the_most_telling_template_is_chosen() -> None:
    templates = ("{a} and {b}", "{a}", "nothing")
    assert choose(templates, {"a": 1, "b": 2}) == "{a} and {b}"
    assert choose(templates, {"a": 1, "b": None}) == "{a}"
    assert choose(templates, {"b": 2}) == "nothing"


def test_an_error_survives_the_wire() -> None:
    error = CustodeError(ErrorCode.PIN_INCORRECT, attempts_remaining=1)
    member = json.loads(json.dumps(to_rpc(error)))
    back = from_rpc(member)
    assert (back.code, back.data, back.exit) == (error.code, error.data, 12)
    assert member["code"] == -32000
    assert member["data"]["message_id"] == "The PIN is wrong. Attempts left: {attempts_remaining}."
    assert member["message"] == "The PIN is wrong. Attempts left: 1."


@pytest.mark.parametrize(
    "member",
    [
        {"code": -32601, "message": "no method x"},
        {"code": -32000, "message": "no method x", "data": {"code": "from_the_future"}},
        {"code": -32000, "message": "no method x", "data": ["what"]},
    ],
)
def test_an_error_that_is_not_ours_keeps_its_text(member: dict[str, object]) -> None:
    assert str(from_rpc(member)) == "Something failed: no method x."


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_every_error_of_a_token_worker_has_a_sentence(code: str) -> None:
    known = from_child(code, {}).code
    assert known.value == code or (code, known) == ("unknown", ErrorCode.FAILED)


def test_an_unknown_error_of_a_worker_keeps_its_number() -> None:
    error = from_child("unknown", {"ckr": 0x30})
    assert error.code is ErrorCode.FAILED
    assert "ckr=48" in str(error)


@pytest.mark.parametrize("problem", ProblemCode)
def test_every_problem_of_the_authority_keeps_its_code_and_text(problem: ProblemCode) -> None:
    error = from_problem(problem.value, "its words")
    assert (error.data["problem"], error.data["text"]) == (problem.value, "its words")
    assert error.exit in {12, 13, 20, 21, 22}
    if error.code is not ErrorCode.AUTHORITY_REFUSED:
        assert "(" not in str(error)


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        ("wrong_credentials", 22),
        ("wrong_password", 22),
        ("internal", 20),
        ("original_active", 21),
        ("wrong_backup_pin", 12),
        ("backup_locked", 13),
        ("from_the_future", 21),
    ],
)
def test_exit_of_a_refusal(problem: str, status: int) -> None:
    through_a_job = from_child("authority_refused", {"problem": problem, "detail": "words"})
    assert through_a_job.exit == from_problem(problem, "words").exit == status
    assert through_a_job.data["text"] == "words"
