"""One trial: a home, an operation, a kill, and everything that has to hold afterwards."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from custode.errors import CustodeError

from . import operations
from .lab import Lab, Snapshot
from .referee import Point
from .rules import Operation, Violation, expect, on_token

RERUNS: Final = 4
PAUSE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Fault:
    """Whom to kill and when: at a point, or `after_s` seconds after the operation began."""

    operation: str
    victim: str
    point: Point | None = None
    after_s: float = 0.0

    def __str__(self) -> str:
        when = str(self.point) if self.point else f"after {self.after_s:.3f} s"
        return f"{self.operation}: kill {self.victim} at {when}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it: missed, acknowledged, resumed, undone or failed; the journal's step."""

    fault: str
    operation: str
    victim: str
    step: str
    result: str
    why: str = ""
    seconds: float = 0.0


def rehearse(snapshot: Snapshot, operation: Operation) -> tuple[list[Point], float]:
    """Run an operation undisturbed: its points, and how long it takes."""
    with Lab.copy(snapshot) as lab:
        lab.settle()
        lab.referee.arm()
        began = time.monotonic()
        answer = operation.run(lab)
        seconds = time.monotonic() - began
        time.sleep(0.3)  # what comes after the answer
        trace = list(lab.referee.trace)
        lab.referee.disarm()
        lab.settle()
        operation.always(lab)
        operation.acknowledged(lab, answer)
        expect(operation.reached(lab), "it does not reach what it is for")
    return trace, seconds


def attempt(snapshot: Snapshot, fault: Fault) -> Outcome:
    """Carry out one trial."""
    operation = operations.BY_NAME[fault.operation]
    began = time.monotonic()
    with Lab.copy(snapshot) as lab:
        step = "-"
        try:
            lab.settle()
            killed, answer = _interrupt(lab, operation, fault)
            step = lab.referee.step
            result = _judge(lab, operation, answer) if killed else "missed"
            why = ""
        except Exception as exc:  # noqa: BLE001 - whatever a kill led to is its outcome
            result, why = "failed", f"{type(exc).__name__}: {exc}"
        seconds = time.monotonic() - began
        return Outcome(str(fault), fault.operation, fault.victim, step, result, why, seconds)


def _interrupt(lab: Lab, operation: Operation, fault: Fault) -> tuple[bool, Any]:
    """Run it, kill meanwhile; whether somebody died, and the answer if one came."""
    killed = threading.Event()

    def act(point: Point, _pid: int) -> None:
        if point == fault.point and not killed.is_set() and lab.referee.kill(fault.victim):
            killed.set()
        operation.watch(lab, point)

    timer = None
    lab.referee.arm(act)
    if fault.point is None:

        def strike() -> None:
            if lab.referee.kill(fault.victim):
                killed.set()

        timer = threading.Timer(fault.after_s, strike)
        timer.start()
    answer = None
    with suppress(CustodeError):
        answer = operation.run(lab)
    if timer is not None:
        timer.cancel()
        timer.join()
    lab.referee.disarm()
    return killed.is_set(), answer


def _judge(lab: Lab, operation: Operation, answer: Any) -> str:
    """After the kill: settled, checked, run again, checked."""
    lab.settle()
    operation.always(lab)
    operation.broken_off(lab)
    if answer is not None:
        operation.acknowledged(lab, answer)
    reached = operation.reached(lab)
    _again(lab, operation, reached=reached)
    lab.settle()
    operation.always(lab)
    expect(operation.reached(lab), "run again, it does not reach what it is for")
    _check_token(lab, operation)
    _check_authority(lab)
    if answer is not None:
        return "acknowledged"
    return "resumed" if reached else "undone"


def _again(lab: Lab, operation: Operation, *, reached: bool) -> None:
    """Run the command again as a person would; it has to work in the end."""
    refused: CustodeError | None = None
    for _ in range(RERUNS):
        try:
            operation.acknowledged(lab, operation.run(lab))
        except CustodeError as exc:
            if reached and exc.code in operation.again:
                return
            refused = exc
            time.sleep(PAUSE_S)
        else:
            return
        reached = operation.reached(lab)
    raise Violation(f"run again, it is refused: {refused and refused.code} {refused}")


def _check_token(lab: Lab, operation: Operation) -> None:
    """One key and its halves; what was killed meanwhile left no second one."""
    if operation.keys is None:
        return
    keys = operation.keys(lab)
    lab.end()
    found = on_token(lab)
    expect(len(found["private"]) == keys, f"keys on the token: {found}")
    expect(found["private"] == found["public"], f"halves of keys on the token: {found}")
    expect(len(found["certificate"]) <= 1, f"certificates on the token: {found}")


def _check_authority(lab: Lab) -> None:
    """Its audit chain holds, and nothing was asked for twice."""
    lab.end()
    if not lab.has_authority:
        return
    from custode_authority.storage import audit
    from custode_authority.storage.database import Database

    database = Database(f"sqlite:///{lab.person.home / 'authority' / 'authority.sqlite'}")
    try:
        with database.transaction() as tx:
            expect(audit.first_broken(tx) is None, "the authority's log is broken")
    finally:
        database.close()
    twice = lab.authority(
        # A copy brings a second one for its original's key, once that has ended.
        "SELECT key_sha256 FROM certificates WHERE key_sha256 NOT IN (SELECT o.key_sha256"
        " FROM backups b JOIN certificates o ON o.id = b.original_id WHERE b.kind = 'copy')"
        " OR state IN ('active', 'suspended') GROUP BY key_sha256 HAVING count(*) > 1"
    )
    expect(not twice, "two certificates for one key")


def plan(traces: dict[str, tuple[list[Point], float]], seed: int, count: int) -> list[Fault]:
    """Faults in the order of a campaign: journaled steps, then every other point, then any time.

    At every point its own process dies, at journaled ones each of the four; a third of what is
    left after the journaled steps goes to random moments.
    """
    random = Random(seed)
    journaled, own, others = [], [], []
    for name, (trace, _) in traces.items():
        for point in trace:
            for victim in operations.BY_NAME[name].victims:
                fault = Fault(name, victim, point)
                if point.role == "agent" and point.name.startswith("journal "):
                    journaled.append(fault)
                elif victim == point.role:
                    own.append(fault)
                else:
                    others.append(fault)
    random.shuffle(journaled)
    random.shuffle(own)
    random.shuffle(others)
    by_point = (journaled + own + others)[:count]
    by_time = [
        Fault(
            name,
            random.choice(operations.BY_NAME[name].victims),
            None,
            random.uniform(0, seconds * 1.2),
        )
        for name, (_, seconds) in random.choices(list(traces.items()), k=count // 4)
    ]
    room = max(0, count - len(by_time))
    return by_point[:room] + by_time
