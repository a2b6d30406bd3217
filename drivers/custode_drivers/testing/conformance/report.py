"""What came of the suite: each stack's stories, told to people and kept for docs/tokens.md."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec
import pytest

from custode_drivers.testing.conformance.stack import Story

RESULTS: Final = Path(__file__).with_name("results.json")
"""What `make conformance` measured last, with which versions."""
NOT_OFFERED: Final = "not offered: "
NO_MEANS: Final = "no means "


class Outcome(StrEnum):
    """Of a story on a stack."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_OFFERED = "not offered"
    """By the token's own answer."""
    NO_MEANS = "no means"
    """By what the stack declares that it cannot be made to do."""


@dataclass
class Told:
    """What the tests of one story told, on one stack."""

    passed: int = 0
    failed: int = 0
    reasons: list[str] = field(default_factory=list)
    """Why tests were skipped, each once."""
    quirks: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        if self.failed:
            return Outcome.FAILED
        if self.passed:
            return Outcome.PASSED
        offered = not any(reason.startswith(NOT_OFFERED) for reason in self.reasons)
        return Outcome.NO_MEANS if offered else Outcome.NOT_OFFERED


@dataclass
class OfStack:
    """What came of one stack; by the values of Story."""

    module: str
    stories: dict[str, Told]


Results = dict[str, OfStack]
"""By the stacks' names."""


class Collector:
    """A plugin of pytest that listens to the reports of the suite's tests."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.told: dict[str, dict[str, Told]] = {}
        self.failures: list[str] = []
        self._out = out
        """Where each test is told as it ends; None where pytest does that."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        noted: dict[str, Any] = dict(report.user_properties)
        if "story" not in noted or not self._counts(report):
            return
        told = self.told.setdefault(noted["stack"], {}).setdefault(noted["story"], Told())
        for kind, text in report.user_properties:
            if kind == "quirk" and text not in told.quirks:
                told.quirks.append(str(text))
        reason = ""
        if report.failed:
            told.failed += 1
            self.failures.append(f"{report.nodeid}\n{report.longreprtext}")
        elif report.skipped:
            reason = reason_of(report)
            if reason not in told.reasons:
                told.reasons.append(reason)
        else:
            told.passed += 1
        if self._out is not None and not reason.startswith(NO_MEANS):
            word = "FAILED" if report.failed else "skipped" if reason else "ok"
            name = report.nodeid.rpartition("::test_")[2].replace("_", " ")
            # of one stack only, whose name would say nothing
            name = name.replace(f"-{noted['stack']}", "").replace(f"[{noted['stack']}]", "")
            name = name.replace(f"[{noted['stack']}-", "[")
            self._out.write(f"{word:8}{name}{': ' if reason else ''}{reason}\n")
            self._out.flush()

    @staticmethod
    def _counts(report: pytest.TestReport) -> bool:
        """A test counts once: by its call, or by what kept it from being called."""
        return report.when == "call" or (not report.passed)


def reason_of(report: pytest.TestReport) -> str:
    """Return why a test was skipped."""
    assert isinstance(report.longrepr, tuple)
    return str(report.longrepr[2]).removeprefix("Skipped: ")


def load() -> Results:
    """Read RESULTS."""
    return msgspec.json.decode(RESULTS.read_bytes(), type=Results)


def was_so(stack: str, story: str, reason: str) -> bool:
    """Tell whether a test of a story was skipped for this when it was measured, if it was."""
    measured = load().get(stack)
    return measured is None or reason in measured.stories[story].reasons


def save(results: Results) -> None:
    """Write RESULTS, in the order of stories, so that two runs compare."""
    order = [str(story) for story in Story]
    plain = {
        name: {
            "module": of.module,
            "stories": {
                story: {
                    "passed": told.passed,
                    "failed": told.failed,
                    "reasons": sorted(told.reasons),
                    "quirks": sorted(told.quirks),
                }
                for story, told in sorted(of.stories.items(), key=lambda item: order.index(item[0]))
            },
        }
        for name, of in results.items()
    }
    RESULTS.write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n")
