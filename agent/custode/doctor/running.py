"""Runs the checks side by side, each in a thread and within its deadline.

A thread that does not come back (a disk that hangs, a service that is silent) is left behind: the
command ends all the same, and says so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from custode.unexpected import keep_trace
from custode_drivers.api.checks import (
    AGENT_MISSING,
    BROKE,
    HUNG,
    Check,
    Finding,
    Outcome,
    When,
)

if TYPE_CHECKING:
    from custode.doctor.patient import Patient

_LATER: Final = frozenset({When.AFTERWARDS, When.WITH_AGENT})
_START_S: Final = 20.0  # longer than the agent is waited for


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One finding of one check, and what it means."""

    check: Check[Patient]
    finding: Finding
    took_s: float

    @property
    def outcome(self) -> Outcome:
        return self.check.outcome(self.finding.code)


@dataclass(slots=True)
class Task:
    """One check of one subject, under way."""

    check: Check[Patient]
    subject: str
    began: float | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    found: list[Finding] = field(default_factory=list)
    took_s: float = 0.0

    def left_s(self) -> float:
        """How long it may still take; 0 when the deadline has passed."""
        if self.began is None:
            return self.check.deadline_s
        return max(0.0, self.began + self.check.deadline_s - time.monotonic())


def examine(checks: Iterable[Check[Patient]], patient: Patient) -> list[Diagnosis]:
    """Run all checks; the diagnoses in the order of the checks."""
    return [diagnosis for task in begin(checks, patient) for diagnosis in results(task)]


def begin(checks: Iterable[Check[Patient]], patient: Patient) -> list[Task]:
    """Have all checks run, side by side; `results` waits for one of them."""
    tasks = [
        Task(check, subject)
        for check in checks
        for subject in (check.subjects(patient) if check.subjects else [""])
    ]
    patient.line.look()
    first = [task for task in tasks if task.check.when is When.FIRST]
    for task in tasks:
        if task.check.when in {When.FIRST, When.AT_ONCE}:
            _begin(task, patient)
    later = [task for task in tasks if task.check.when in _LATER]
    if later:
        _behind(lambda: _start_agent(first, patient), "agent")
    for task in later:
        _begin(task, patient)
    return tasks


def _start_agent(first: Sequence[Task], patient: Patient) -> None:
    for task in first:
        task.ended.wait(task.left_s())
    patient.line.start()


def _begin(task: Task, patient: Patient) -> None:
    _behind(lambda: _run(task, patient), task.check.id)


def _behind(work: Callable[[], None], name: str) -> None:
    threading.Thread(target=work, name=f"doctor-{name}", daemon=True).start()


def _run(task: Task, patient: Patient) -> None:
    try:
        when = task.check.when
        there = when not in _LATER or patient.line.wait()
        if when is When.WITH_AGENT and not there:
            task.found = [Finding(AGENT_MISSING, task.subject)]
            return
        task.began = time.monotonic()
        found = list(task.check.run(patient, task.subject))
        task.took_s = time.monotonic() - task.began
        for finding in found:
            task.check.outcome(finding.code)  # a code that nobody registered is a fault of ours
        task.found = found
    except Exception as exc:  # noqa: BLE001 - the boundary: each becomes a finding
        keep_trace(exc)
        task.found = [Finding(BROKE, task.subject, {"kind": type(exc).__name__})]
    finally:
        task.ended.set()


def results(task: Task) -> list[Diagnosis]:
    """Wait for it, as long as it may take."""
    until = time.monotonic() + _START_S
    while task.began is None and not task.ended.wait(0.05):
        if time.monotonic() > until:
            break
    if not task.ended.wait(task.left_s()):
        told = {"seconds": round(task.check.deadline_s)}
        return [Diagnosis(task.check, Finding(HUNG, task.subject, told), task.check.deadline_s)]
    return [Diagnosis(task.check, finding, task.took_s) for finding in task.found]
