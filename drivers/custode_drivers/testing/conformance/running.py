"""Starts pytest over the suite: for one module of a vendor, and for every stack of ours."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Final, TextIO

import pytest

from custode_drivers.testing.conformance import report, table
from custode_drivers.testing.conformance.about import module_of
from custode_drivers.testing.conformance.report import Collector, OfStack, Outcome, Results, Told
from custode_drivers.testing.conformance.stack import Stack, Story
from custode_drivers.testing.conformance.stacks import STACKS
from custode_drivers.testing.conformance.suite.conftest import CHOSEN, WHOLE

SUITE: Final = Path(__file__).with_name("suite")
_COLLECTED: Final = {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}


class _Choose:
    """A plugin: the suite runs on this stack, all of it."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[CHOSEN] = (self._stack,)
        # Options of pytest's terminal, whose place the collector takes.
        config.option.tbstyle, config.option.verbose = "short", 0


def run_on(stack: Stack, folder: Path, out: TextIO) -> int:
    """Run the whole suite on one stack and tell what came of it; 1 when something failed."""
    settings = folder / "pytest.ini"  # or pytest would look for somebody else's
    settings.write_text("[pytest]\n")
    collector = Collector(out)
    code = pytest.main(
        [
            *("-c", str(settings), "--rootdir", str(SUITE), "--basetemp", str(folder / "tests")),
            *("--import-mode=importlib", "-p", "no:cacheprovider"),
            *("-p", "no:terminal", str(SUITE)),
        ],
        plugins=[_Choose(stack), collector],
    )
    if code not in _COLLECTED:
        out.write(f"pytest could not run the suite: {code!r}\n")
        return 1
    stories = collector.told.get(stack.name, {})
    out.write("".join(f"\n{'-' * 80}\n{failure}\n" for failure in collector.failures))
    out.write("\n" + "\n".join(_summary(stories)) + "\n")
    return int(any(told.outcome is Outcome.FAILED for told in stories.values()))


def run_everywhere(page: Path, *names: str) -> int:
    """Run everything on every stack, two tests at a time; write the results, and a page's table.

    `names`: of stacks that are measured anew, and the others stay as they were.
    """
    modules = {stack.name: _module(stack) for stack in STACKS}
    os.environ[WHOLE] = " ".join(names) or "all"
    collector = Collector()
    code = pytest.main(
        ["-q", "-n", "2", "--dist", "worksteal", "--tb=short", str(SUITE)], plugins=[collector]
    )
    if code not in _COLLECTED:
        return 1
    known = report.load() if names else {}
    results: Results = {
        stack.name: (
            OfStack(modules[stack.name], collector.told[stack.name])
            if stack.name in collector.told
            else known[stack.name]
        )
        for stack in STACKS
    }
    unmet = [
        f"{stack.title}: no test met the quirk {quirk.name}"
        for stack in STACKS
        for quirk in stack.quirks
        if not any(quirk.name in told.quirks for told in results[stack.name].stories.values())
    ]
    sys.stdout.write("".join(f"{line}\n" for line in unmet))
    if code is not pytest.ExitCode.OK or unmet:
        return 1
    report.save(results)
    page.write_text(table.replaced(page.read_text(), table.render(STACKS, results)))
    return 0


def _module(stack: Stack) -> str:
    """Ask a stack's module for its version; a stack that is not there has none."""
    if stack.missing() is not None:
        return "not here"
    folder = Path(tempfile.mkdtemp(prefix="custode-conformance-"))
    try:
        with stack.bench(folder) as bench:
            bench.token()  # NSS loads with a database only
            return module_of(bench)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _summary(stories: dict[str, Told]) -> list[str]:
    lines = []
    for story in Story:
        told = stories.get(story, Told())
        lines.append(f"{told.outcome:12} {story}")
        if told.outcome is not Outcome.FAILED:
            lines += [
                textwrap.indent(textwrap.fill(reason, 80), " " * 13) for reason in told.reasons
            ]
    return lines


if __name__ == "__main__":
    sys.exit(run_everywhere(Path(sys.argv[1]), *sys.argv[2:]))
