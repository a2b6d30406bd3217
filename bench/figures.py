"""What a figure is, and how figures are shown and kept."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; `goal` is its upper bound in the same unit, None where there is none.

    `peer` names what was measured beside it in the same run, `peer_value` that value.
    """

    name: str
    value: float
    unit: str
    goal: float | None = None
    met: bool | None = None
    peer: str | None = None
    peer_value: float | None = None


def figure(
    name: str,
    value: float,
    unit: str,
    goal: float | None = None,
    peer: tuple[str, float] | None = None,
) -> Figure:
    """Make a figure; whether the goal is met follows from the values."""
    return Figure(
        name,
        round(value, 3),
        unit,
        None if goal is None else round(goal, 3),
        None if goal is None else value <= goal,
        peer[0] if peer else None,
        round(peer[1], 3) if peer else None,
    )


def milliseconds(work: Callable[[], object]) -> float:
    """How long one run of `work` takes."""
    began = perf_counter()
    work()
    return (perf_counter() - began) * 1000


def medians(runs: int, *works: Callable[[], object]) -> list[float]:
    """Median milliseconds of each, run in turns so that a busy moment meets all of them alike."""
    times: list[list[float]] = [[] for _ in works]
    for work in works:
        work()  # the first run warms caches for everybody
    for _ in range(runs):
        for column, work in zip(times, works, strict=True):
            column.append(milliseconds(work))
    return [statistics.median(column) for column in times]


def machine() -> str:
    """What was measured on, without naming it."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return f"{cpu}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def show(figures: Sequence[Figure]) -> str:
    """The table for people."""
    lines = [f"{'figure':<58} {'value':>10} {'goal':>10}  met  peer"]
    for one in figures:
        goal = "" if one.goal is None else f"{one.goal:.2f}"
        met = {None: "", True: "yes", False: "NO"}[one.met]
        peer = f"{one.peer} {one.peer_value:.2f}" if one.peer else ""
        lines.append(f"{one.name:<58} {one.value:>10.2f} {goal:>10}  {met:<3}  {peer} {one.unit}")
    return "\n".join(lines)


def keep(figures: Sequence[Figure], path: Path) -> None:
    """Write results.json."""
    told = {
        "machine": machine(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "figures": [asdict(one) for one in figures],
    }
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
