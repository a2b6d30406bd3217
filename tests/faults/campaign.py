"""`make faults`: many kills; COUNT, SEED, ONLY and WORKERS come from the environment.

First the token is pulled at every call and a volume harmed at every use; then comes the killing.
The seed decides everything that is chosen; with the same one a campaign that was broken off goes
on. Ends non-zero on any violation.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from custode.errors import CustodeError

from . import lab, pulls, trial, volumes
from .operations import BY_NAME, OPERATIONS
from .rules import Violation
from .trial import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable
    from multiprocessing.synchronize import Event

    from .lab import Snapshot
    from .trial import Fault

COUNT: Final = 1000
WORKERS: Final = 2
RESULTS: Final = ("acknowledged", "resumed", "undone", "failed")
BUILD: Final = Path("build") / "faults"
_enough: Event | None = None  # in a worker of the pool: whether no further trial is wanted


def main() -> int:
    """Run it; the exit status."""
    count = int(os.environ.get("COUNT") or COUNT)
    seed = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
    only = os.environ.get("ONLY", "")
    BUILD.mkdir(parents=True, exist_ok=True)
    journal = BUILD / f"{seed}.jsonl"
    done = _done(journal)
    _say(f"faults: COUNT={count} SEED={seed}; {len(done)} trials are in {journal}")
    base = Path(tempfile.mkdtemp(prefix="custode-faults-", dir=lab.memory()))
    try:
        snapshots = lab.prepare(base)
        harmed = _pull_and_harm(snapshots, only)
        operations = [op for op in OPERATIONS if only in op.name]
        traces = {op.name: trial.rehearse(snapshots[op.stage], op) for op in operations}
        _say("faults: points " + ", ".join(f"{n} {len(t)}" for n, (t, _) in traces.items()))
        outcomes = list(done.values())
        # Some points do not come again in every run (what goes on beside it): they are no kill.
        faults = trial.plan(traces, seed, count + count // 4)
        outcomes += _run(snapshots, [f for f in faults if str(f) not in done], journal, count, done)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    return _report(outcomes, seed) or harmed


def _pull_and_harm(snapshots: dict[str, Snapshot], only: str) -> int:
    """Every pull and every harm; 1 when one of them broke a rule."""
    status = 0
    for name in pulls.CALLS:
        for late in (False, True) if only in name else ():
            operation = BY_NAME[name]
            try:
                told = pulls.pull_at_every_call(snapshots[operation.stage], operation, late=late)
            except (Violation, CustodeError, TimeoutError) as exc:
                status = 1
                _say(f"✗ {name}, token pulled, {late=}: {exc}")
            else:
                gone = sum(pull.code == pulls.GONE for pull in told)
                _say(f"{name}: token pulled at {len(told)} calls ({late=}), {gone} × token_gone")
    for how in volumes.HARMS if only in "backup create" else ():
        try:
            uses = volumes.harm_at_every_use(snapshots["certified"], how)
        except volumes.CannotMount as exc:
            _say(f"backup create: no volume can be {how} here: {exc}")
            break
        except (Violation, CustodeError, TimeoutError) as exc:
            status = 1
            _say(f"✗ backup create, volume {how}: {exc}")
        else:
            failed = sum(bool(code) for _, code in uses)
            _say(f"backup create: volume {how} at {len(uses)} uses, {failed} × refused")
    return status


def _run(
    snapshots: dict[str, Snapshot],
    faults: list[Fault],
    journal: Path,
    count: int,
    done: dict[str, Outcome],
) -> list[Outcome]:
    stages = {op.name: op.stage for op in OPERATIONS}
    work = [(snapshots[stages[fault.operation]], fault) for fault in faults]
    outcomes: list[Outcome] = []
    kills = sum(outcome.result != "missed" for outcome in done.values())
    began = time.monotonic()
    context = multiprocessing.get_context("spawn")
    enough = context.Event()
    workers = int(os.environ.get("WORKERS") or WORKERS)
    with context.Pool(workers, _begin, (enough,)) as pool, journal.open("a") as file:
        for outcome in pool.imap_unordered(_attempt, work):
            if outcome is None:
                continue
            outcomes.append(outcome)
            file.write(json.dumps(asdict(outcome)) + "\n")
            file.flush()
            kills += outcome.result != "missed"
            if outcome.result == "failed":
                _say(f"✗ {outcome.fault} (after step {outcome.step}): {outcome.why}")
            if len(outcomes) % 50 == 0:
                _say(f"faults: {kills} kills after {time.monotonic() - began:.0f} s")
            if kills >= count:
                enough.set()  # a trial under way comes to its end, and leaves no process behind
        pool.close()
        pool.join()
    return outcomes


def _begin(enough: Event) -> None:
    """In each worker of the pool, at its start."""
    global _enough  # noqa: PLW0603 - a pool gives its workers nothing else to keep
    _enough = enough


def _attempt(work: tuple[Snapshot, Fault]) -> Outcome | None:
    return None if _enough is None or _enough.is_set() else trial.attempt(*work)


def _done(journal: Path) -> dict[str, Outcome]:
    if not journal.exists():
        return {}
    lines = journal.read_text("utf-8").splitlines()
    return {outcome.fault: outcome for outcome in (Outcome(**json.loads(line)) for line in lines)}


def _report(outcomes: Iterable[Outcome], seed: int) -> int:
    table: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    total: Counter[str] = Counter()
    failed = []
    for outcome in outcomes:
        if outcome.result != "missed":
            table[outcome.operation, outcome.victim, outcome.step][outcome.result] += 1
        total[outcome.result] += 1
        if outcome.result == "failed":
            failed.append(outcome)
    header = ("operation", "victim", "last journaled", "kills", *RESULTS)
    _say("{:17} {:10} {:14} {:>6} {:>13} {:>8} {:>7} {:>7}".format(*header))
    for key, counts in sorted(table.items()):
        row = (*key, sum(counts.values()), *(counts[name] for name in RESULTS))
        _say("{:17} {:10} {:14} {:>6} {:>13} {:>8} {:>7} {:>7}".format(*row))
    kills = sum(total[name] for name in RESULTS)
    told = ", ".join(f"{total[name]} {name}" for name in RESULTS)
    _say(f"faults: SEED={seed}: {kills} kills: {told}; {total['missed']} points did not come again")
    for outcome in failed:
        _say(f"✗ {outcome.fault}: {outcome.why}")
    return 1 if failed or not kills else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
