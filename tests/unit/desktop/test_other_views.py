"""Renewal, PINs and the doctor: what their windows say, in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from custode.desktop.view import examined, pins, renewing
from custode.desktop.view.action import window
from custode.desktop.view.examined import Group
from custode.desktop.view.pins import Choice, Task
from custode.desktop.view.renewing import Stage
from custode.doctor.registry import REGISTRY
from custode.locale import diagnosis
from custode.locale.catalogue import use
from custode_drivers.api.checks import ALWAYS, Outcome

CERTIFICATE = {
    "id_operazione": "OP1",
    "state": "active",
    "requested_at": "2026-02-01T10:00:00Z",
    "expires_at": "2029-02-01T10:00:00Z",
    "installed": True,
    "original": True,
    "token": {"serial": "01"},
}
TOKEN = {
    "serial": "01",
    "label": "ROSSI",
    "present": True,
    "user_pin_initialized": True,
    "pin_attempts_remaining": 3,
    "pin_locked": False,
    "pin_final_try": False,
    "so_pin_attempts_remaining": None,
    "so_pin_locked": False,
    "so_pin_final_try": False,
}
BROKE_OFF = {"need": "operation_can_go_on", "text_args": {"what": "renew"}}


@pytest.fixture(params=["it", "en"])
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    use(request.param)
    yield request.param
    use("en")


def status(*rows: Any, tokens: Any = (TOKEN,), needs: Any = ()) -> dict[str, Any]:
    return {"certificates": list(rows), "tokens": list(tokens), "needs": list(needs)}


RENEWALS = [
    (status(), Stage.NONE, ""),
    (status(CERTIFICATE | {"original": False}), Stage.NONE, ""),
    (status(CERTIFICATE), Stage.READY, ""),
    (status(CERTIFICATE | {"state": "expired"}), Stage.READY, ""),
    (status(CERTIFICATE, tokens=[]), Stage.READY, "01"),
    (status(CERTIFICATE | {"state": "suspended"}), Stage.SUSPENDED, ""),
    (status(CERTIFICATE, needs=[BROKE_OFF]), Stage.GOES_ON, ""),
    (status(CERTIFICATE, tokens=[], needs=[BROKE_OFF]), Stage.GOES_ON, "01"),
]


@pytest.mark.parametrize(("told", "stage", "lacks"), RENEWALS)
def test_what_a_renewal_would_be_about(told: Any, stage: Stage, lacks: str, language: str) -> None:
    found = renewing.case(told)
    assert found.stage is stage
    said = renewing.paper(found, told)
    assert said.lacks == lacks
    assert all((said.title, *said.lines))


def test_a_portal_that_takes_its_time(language: str) -> None:
    assert len(renewing.generating().lines) == 2


def test_what_came_of_a_renewal(language: str) -> None:
    answer = {
        "id_operazione": "OP2",
        "label": "ROSSI",
        "expires_at": "2029-02-01T10:00:00Z",
        "old": "OP1",
        "old_state": "cancelled",
        "old_on_token": ["certificate"],
        "retired_backups": ["B1"],
    }
    said = renewing.done(answer)
    assert [word for word in ("OP1", "B1") if any(word in line for line in said.lines)]
    assert len(said.lines) == 3


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("found", [True, False])
def test_every_task_of_a_pin_is_told(task: Task, found: bool, language: str) -> None:
    said = pins.paper(task, found)
    assert all((said.title, *said.lines))
    answer = {"label": "ROSSI", "serial": "01", "role": "user"}
    assert "ROSSI" in pins.done(task, answer).lines[0]


def test_a_task_is_for_tokens_that_it_fits() -> None:
    fresh = TOKEN | {"serial": "02", "user_pin_initialized": False}
    told = status(tokens=[TOKEN, fresh, {"serial": "03", "label": "far", "present": False}])
    assert [one.serial for one in pins.choices(told, Task.INIT)] == ["02"]
    assert pins.choices(told, Task.CHANGE) == [Choice("01", "01", "ROSSI", "3 tries left")]
    assert pins.choices(told, Task.CHANGE, "so") == [Choice("01", "01", "ROSSI")]
    locked = status(tokens=[TOKEN | {"pin_attempts_remaining": 0}])
    assert pins.choices(locked, Task.UNBLOCK) == [Choice("01", "01", "ROSSI", "locked", grave=True)]


def test_tokens_of_one_serial_are_told_apart() -> None:
    twins = [TOKEN | {"uri": "pkcs11:a"}, TOKEN | {"uri": "pkcs11:b"}]
    told = status(tokens=twins)
    assert [one.name for one in pins.choices(told, Task.CHANGE)] == ["pkcs11:a", "pkcs11:b"]
    assert pins.token_row(told, "pkcs11:b") == twins[1]
    assert pins.token_row(told, "01") is None


@pytest.mark.parametrize(
    ("more", "told", "last"),
    [
        ({}, ("3 tries left", False), False),
        ({"pin_attempts_remaining": 1}, ("LAST attempt", True), True),
        ({"pin_attempts_remaining": None, "pin_final_try": True}, ("LAST attempt", True), True),
        ({"pin_attempts_remaining": None}, ("", False), False),
        ({"pin_attempts_remaining": 0}, ("locked", True), False),
        ({"pin_attempts_remaining": None, "pin_locked": True}, ("locked", True), False),
    ],
)
def test_how_a_pin_stands(more: Any, told: Any, last: bool) -> None:
    row = TOKEN | more
    assert pins.standing(row, "user") == told
    assert pins.is_last(row, "user") is last


DATA = {
    "path": "/x",
    "file": "/f",
    "log": "/l",
    "agent": "1",
    "installed": "2",
    "what": "renew",
    "serial": "01",
}
EVERY = [(check.id, code) for check in REGISTRY for code in {**ALWAYS, **check.says}]


def finding(check: str, code: str) -> dict[str, Any]:
    outcome = REGISTRY[check].outcome(code).value
    return {"id": check, "about": "", "outcome": outcome, "code": code, "data": DATA}


@pytest.mark.parametrize(("check", "code"), EVERY)
def test_every_fault_has_one_remedy_that_needs_no_command_of_ours(check: str, code: str) -> None:
    for tongue in ("it", "en"):
        use(tongue)
        line = examined.line(finding(check, code))
        told, mend = diagnosis.tell(check, code, DATA), line.remedy
        assert line.title == told.title
        assert line.what
        assert (line.group is Group.FAULT) is (REGISTRY[check].outcome(code) is Outcome.FAIL)
        ways = [mend.text, mend.command, mend.action, mend.restarts, mend.installs]
        if line.group is Group.FAULT and (told.command or told.step):
            assert any(ways)
        elif line.group is not Group.FAULT:
            assert not any(ways)
        assert "custode " not in f"{line.what} {mend.text} {mend.command}", line
        assert line.applies is (REGISTRY[check].outcome(code) is not Outcome.NOT_APPLICABLE)
    use("en")


def test_findings_are_grouped_with_the_gravest_first(language: str) -> None:
    rows = [
        finding("agent.state", "whole"),
        finding("pcsc.cards", "no_service"),
        finding("agent.journal", "left"),
        finding("agent.version", "other"),
    ]
    groups = examined.lines(rows)
    assert list(groups) == [Group.FAULT, Group.NOT_LOOKED_AT, Group.FINE]
    going_on, restart = groups[Group.FAULT]
    assert going_on.remedy.action == window("renew")
    assert not going_on.what.startswith("renew:")
    assert restart.remedy.restarts
    assert "2" in examined.verdict(rows)
    assert "(2)" in examined.title(Group.FAULT, 2)
    assert examined.verdict([]) != examined.verdict(rows)
    assert examined.check_name("agent.state") != "agent.state"
