"""Progress that every face sees."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from custode.daemon.running import Running
from custode.daemon.status import not_under_way
from custode.error_codes import ErrorCode
from custode.errors import CustodeError


def test_a_call_is_shown_from_its_first_progress_to_its_end() -> None:
    said: list[Mapping[str, Any]] = []
    running = Running(lambda name, data: said.append({"name": name, **data}))
    with running.call("backup.create") as told:
        assert running.rows() == [], "what only waits for a PIN is no progress"
        told("backup.sealing", "")
        told("backup.writing", "")
        with running.call("request.create") as other:
            other("request.generating", "")
            assert [row["what"] for row in running.rows()] == ["backup.create", "request.create"]
        row = {"id": 1, "what": "backup.create", "step": "backup.writing", "text": ""}
        assert running.rows() == [row]
    assert running.rows() == []
    changes = [event for event in said if event["name"] == "running_changed"]
    assert [len(event["running"]) for event in changes] == [1, 1, 2, 1, 0]
    ends = [event for event in said if event["name"] == "call_ended"]
    assert [(event["what"], event["error"]) for event in ends] == [
        ("request.create", None),
        ("backup.create", None),
    ]
    assert said[-1] == ends[-1]


def test_a_call_that_tells_nothing_is_not_announced() -> None:
    said: list[str] = []
    with Running(lambda name, _: said.append(name)).call("status"):
        pass
    assert said == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(), ErrorCode.FAILED),
        (CustodeError(ErrorCode.CANCELLED), ErrorCode.CANCELLED),
        (asyncio.CancelledError(), ErrorCode.AGENT_STOPPING),
    ],
)
def test_a_call_that_fails_is_over_too(error: BaseException, code: ErrorCode) -> None:
    said: list[Mapping[str, Any]] = []
    running = Running(lambda _name, data: said.append(data))

    def fail() -> None:
        with running.call("renew") as told:
            told("renew.superseding", "")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert running.rows() == []
    assert said[-1]["error"] == code


def test_what_goes_on_behind_a_call_that_is_over_is_not_shown() -> None:
    """The portal is asked again and again; nobody waits for it."""
    running = Running(lambda *_: None)
    with running.call("request.create") as told:
        told("request.generating", "")
    told("request.generating", "")
    assert running.rows() == []


def test_what_goes_on_just_now_waits_for_nobody() -> None:
    waiting = {"need": "operation_can_go_on", "text_args": {"what": "backup.restore"}}
    missing = {"need": "backup_missing", "text_args": {}}
    rows = [waiting, missing]
    assert not_under_way(rows, []) == rows
    assert not_under_way(rows, [{"what": "renew"}]) == rows
    assert not_under_way(rows, [{"what": "backup.restore"}]) == [missing]
