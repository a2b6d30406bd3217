"""Checks that do not come back, break or make no sense; and what the agent's answers mean."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from custode.doctor import patient as patients
from custode.doctor.line import AgentLine
from custode.doctor.patient import Patient, patient
from custode.doctor.registry import REGISTRY
from custode.doctor.running import Diagnosis, examine
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.paths import Paths
from custode_drivers.api.checks import Check, Finding, ModuleCase, Outcome, When


class Line(AgentLine):
    """An agent that answers what the test says; None: it does not start."""

    def __init__(self, paths: Paths, status: dict[str, Any] | None = None) -> None:
        super().__init__(paths)
        self._told = status
        self.starts: list[float] = []
        self.calls: list[str] = []

    def look(self) -> None:
        pass

    def start(self) -> None:
        self.starts.append(time.monotonic())
        if self._told is not None:
            self.hello = {"version": "0.1.0", "pid": 1}
        self._settled.set()

    def call(self, method: str, params: Any = None, deadline_s: float = 5.0) -> Any:
        self.calls.append(method)
        answer = (self._told or {}).get(method, {})
        if isinstance(answer, CustodeError):
            raise answer
        return answer


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setenv("CUSTODE_HOME", str(tmp_path / "home"))
    return Paths.find()


def run(paths: Paths, *checks: Check[Patient], status: Any = None) -> list[Diagnosis]:
    return examine(checks, patient(paths, Line(paths, status)))


def found(diagnoses: Iterable[Diagnosis]) -> list[tuple[str, str]]:
    return [(one.finding.code, one.outcome.value) for one in diagnoses]


def never(_case: Patient, _subject: str) -> Iterable[Finding]:
    threading.Event().wait()
    return []


def test_a_check_that_does_not_come_back_is_given_up_and_the_others_go_on(paths: Paths) -> None:
    fine: Check[Patient] = Check(
        "b", lambda _c, subject: [Finding("ok", subject)], {"ok": Outcome.PASS}, lambda _c: "xy"
    )
    began = time.monotonic()
    rows = run(paths, Check("a", never, {}, deadline_s=0.3), fine)
    assert found(rows) == [("hung", "fail"), ("ok", "pass"), ("ok", "pass")]
    assert [row.finding.about for row in rows] == ["", "x", "y"]
    assert rows[0].finding.data == {"seconds": 0}
    assert time.monotonic() - began < 5


def test_a_check_that_breaks_is_a_fault_and_its_trace_is_kept(paths: Paths) -> None:
    def broken(_case: Patient, _subject: str) -> Iterable[Finding]:
        raise LookupError("nobody foresaw this")

    def nonsense(_case: Patient, _subject: str) -> Iterable[Finding]:
        return [Finding("never registered")]

    rows = run(paths, Check("a", broken, {}), Check("b", nonsense, {}))
    assert found(rows) == [("broke", "fail")] * 2
    assert rows[0].finding.data == {"kind": "LookupError"}
    assert "nobody foresaw this" in paths.cli_log.read_text()
    assert paths.cli_log.stat().st_mode & 0o777 == 0o600


def test_what_needs_the_agent_is_not_made_without_one(paths: Paths) -> None:
    def fine(_case: Patient, _subject: str) -> Iterable[Finding]:
        return [Finding("ok")]

    checks = [
        Check(when.value, fine, {"ok": Outcome.PASS}, when=when)
        for when in (When.FIRST, When.AT_ONCE, When.AFTERWARDS, When.WITH_AGENT)
    ]
    well = ("ok", "pass")
    assert found(run(paths, *checks)) == [well, well, well, ("agent_missing", "not_made")]
    assert found(run(paths, *checks, status={})) == [well] * 4


def test_no_agent_is_started_for_checks_that_need_none_nor_before_the_first(paths: Paths) -> None:
    ended: list[float] = []

    def slow(_case: Patient, _subject: str) -> Iterable[Finding]:
        time.sleep(0.1)
        ended.append(time.monotonic())
        return [Finding("ok")]

    says = {"ok": Outcome.PASS}
    first: Check[Patient] = Check("a", slow, says, when=When.FIRST)
    line = Line(paths, {})
    examine([first], patient(paths, line))
    assert line.starts == []
    examine([first, Check("b", slow, says, when=When.AFTERWARDS)], patient(paths, line))
    (started,) = line.starts
    assert ended[1] <= started


def made(paths: Paths, check_id: str, **status: Any) -> list[tuple[str, str, str]]:
    """What an own check makes of the agent's `status`."""
    case = patient(paths, Line(paths, {"status": status}))
    return [
        (one.finding.code, one.outcome.value, one.finding.about)
        for one in examine([REGISTRY[check_id]], case)
    ]


def card(state: str, *tried: dict[str, Any], module: str | None = None) -> dict[str, Any]:
    return {"reader": "R", "name": None, "state": state, "module": module, "tried": list(tried)}


def tried(state: str, package: str | None = None) -> dict[str, Any]:
    return {"name": "x.so", "state": state, "reason": "why", "package": package}


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([card("served", module="x.so")], "served"),
        ([card("identifying")], "identifying"),
        ([card("ignored")], "ignored"),
        ([card("unknown")], "unknown"),
        ([card("unknown", tried("no_token"))], "unknown"),
        ([card("unknown", tried("failed"))], "failed"),
        ([card("unknown", tried("failed"), tried("missing", "ykcs11"))], "to_install"),
        ([card("unknown", tried("missing"))], "unknown"),
        ([], "none"),
    ],
)
def test_cards(paths: Paths, rows: list[dict[str, Any]], code: str) -> None:
    assert [one[0] for one in made(paths, "agent.cards", cards=rows)] == [code]


def test_operations_that_wait_for_the_person(paths: Paths) -> None:
    need = {"need": "operation_can_go_on", "text_args": {"what": "renew"}}
    needs = [{"need": "backup_missing", "text_args": {}}, need]
    assert made(paths, "agent.journal", needs=needs) == [("left", "fail", "renew")]
    assert made(paths, "agent.journal", needs=[]) == [("nothing", "pass", "")]


def test_a_database_that_was_put_back_is_told(paths: Paths) -> None:
    told = {"rolled_back_at": "2026-01-02T03:04:05+00:00"}
    assert made(paths, "agent.rollback", agent=told) == [("once", "pass", "")]


def test_modules_found_by_themselves_are_looked_at(paths: Paths, tmp_path: Path) -> None:
    gone = {"module": "gone.so", "path": str(tmp_path / "gone.so")}
    row = {"name": "gone.so", "why": "config"}
    same, changed = {"modules_changed": False}, {"modules_changed": True}
    missing, none = [("missing", "fail", "gone.so")], [("none", "not_applicable", "")]
    for drivers, config, expected in (
        ([gone], same, missing),  # `[[modules.card]]` is of the settings too
        ([gone], changed, none),  # the settings named it when the agent started
        ([], same, none),
    ):
        told = {"drivers": drivers, "modules": [row], "config": config}
        assert made(paths, "agent.found", **told) == expected


def test_a_module_in_use_is_left_alone_and_one_that_just_hung_is_not_tried_again(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patients, "read_all", _one_module)
    row = {"module": "x.so", "path": "/x.so", "why": None}
    for answer, ran_before, expected in (
        ({"doctor.module": {"in_use": True}}, True, (True, None)),
        ({"doctor.module": CustodeError(ErrorCode.MODULE_FAILED, why="w")}, True, (False, "w")),
        ({"status": {"drivers": [row | {"why": "timed_out"}]}}, False, (False, "")),
    ):
        line = Line(paths, {"status": {"drivers": [row]}, **answer})
        line.ran_before = ran_before
        case = patient(paths, line)
        line.start()
        examined = case.examine(ModuleCase("x.so", "/x.so", {}, "none"))
        assert examined.in_use is expected[0]
        if expected[1] is not None:
            assert examined.why == expected[1]
        assert ("doctor.module" in line.calls) is ran_before
        if not ran_before:
            assert (examined.failure, examined.doing) == ("timed_out", "list")


def _one_module(path: Path) -> tuple[Any, list[Any]]:
    from custode.daemon.config_file import parse

    return parse('[[module]]\npath = "/x.so"\nwatch = "none"\n', str(path)), []
