"""Steps and checks as they happen: for people, or one JSON object a line."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from custode.locale.catalogue import t

if TYPE_CHECKING:
    from collections.abc import Iterator

# Who judges a check. Ours is `custode`; all others are programs or parties we cannot talk round.
OPENSSL: Final = "openssl"
TOKEN: Final = "token"  # noqa: S105 - the name of a judge
AUTHORITY: Final = "authority"
CUSTODE: Final = "custode"
SYSTEM: Final = "system"


class CheckFailed(Exception):
    """A check did not hold; the demo stops there."""


@dataclass(slots=True)
class Step:
    """One step under way: what was checked, who judged, what is worth keeping."""

    number: int
    name: str
    quiet: bool
    checks: list[dict[str, Any]] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)

    def check(self, name: str, judge: str, *, ok: bool, why: str = "") -> None:
        """Record one check and say it.

        :raises CheckFailed: when it does not hold
        """
        self.checks.append({"name": name, "ok": bool(ok), "judge": judge})
        if not self.quiet:
            print(f"   {'✓' if ok else '✗'} {name}  [{judge}]", flush=True)  # noqa: T201 - a face
        if not ok:
            raise CheckFailed(f"{name}: {why}" if why else name)

    def say(self, text: str) -> None:
        """Tell something that is no check: a command that runs, a place on disk."""
        if not self.quiet:
            print(f"   {text}", flush=True)  # noqa: T201 - a face


class Teller:
    """Tells the steps, in order."""

    def __init__(self, *, json_lines: bool) -> None:
        self.json_lines = json_lines
        self.told = 0

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Tell one step: begun before it, ended (with `ok`) however it ends."""
        self.told += 1
        step = Step(self.told, name, self.json_lines)
        if not self.json_lines:
            print(f"\n{step.number}. {name}", flush=True)  # noqa: T201 - a face
        began = time.monotonic()
        ok = False
        try:
            yield step
            ok = bool(step.checks)
        finally:
            if self.json_lines:
                self._line(step, ok=ok, elapsed_s=time.monotonic() - began)

    @staticmethod
    def _line(step: Step, *, ok: bool, elapsed_s: float) -> None:
        line = {
            "step": step.number,
            "name": step.name,
            "ok": ok,
            "checks": step.checks,
            "data": step.data,
            "elapsed_s": round(elapsed_s, 3),
        }
        print(json.dumps(line, ensure_ascii=False), flush=True)  # noqa: T201 - a face

    def intro(self, *lines: str) -> None:
        """Say what is going to happen."""
        self._people(*lines)

    def done(self, elapsed_s: float) -> None:
        """Say that every step was verified."""
        self._people("", t("All {n} steps were verified, in {s} s.", n=self.told, s=elapsed_s))

    def failed(self, why: str) -> None:
        """Say where it stopped."""
        print(t("custode demo: stopped: {why}", why=why), file=sys.stderr)  # noqa: T201 - a face

    def _people(self, *lines: str) -> None:
        if not self.json_lines:
            print("\n".join(lines), flush=True)  # noqa: T201 - a face
