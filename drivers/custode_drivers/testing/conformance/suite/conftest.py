"""What the tests are given: each stack, up; a worker over it; a token before it."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import pytest

from custode_drivers.testing.conformance import report
from custode_drivers.testing.conformance.desk import Desk, skip_without
from custode_drivers.testing.conformance.stack import Stack
from custode_drivers.testing.conformance.stacks import STACKS
from custode_drivers.testing.conformance.worker import Worker

CHOSEN: Final = pytest.StashKey[tuple[Stack, ...]]()
"""Somebody's own stack, in the place of ours."""
WHOLE: Final = "CUSTODE_CONFORMANCE_WHOLE"
"""Set: everything is run, and what comes of it is new; else the quick part, held to the results.

`all`, or the names of some of our stacks.
"""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "story(story): which row of docs/tokens.md it belongs to")
    config.addinivalue_line("markers", "needs(*means): skipped where a stack lacks one of them")
    config.addinivalue_line("markers", "whole: not in the quick part, which `make test` runs")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "stack" in metafunc.fixturenames:
        stacks = metafunc.config.stash.get(CHOSEN, STACKS)
        only = os.environ.get(WHOLE, "all").split()
        if only != ["all"]:
            stacks = tuple(stack for stack in stacks if stack.name in only)
        metafunc.parametrize("stack", stacks, ids=[stack.name for stack in stacks], scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if CHOSEN in config.stash or os.environ.get(WHOLE):
        return
    here = Path(__file__).parent
    left = [i for i in items if here in i.path.parents and i.get_closest_marker("whole")]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In the quick part: a token that offered something when it was measured still does."""
    made = yield
    noted = dict(item.user_properties)
    if made.skipped and CHOSEN not in item.config.stash and not os.environ.get(WHOLE):
        reason = report.reason_of(made)
        if not report.was_so(str(noted["stack"]), str(noted["story"]), reason):
            made.outcome = "failed"
            made.longrepr = f"{reason}\nIt was when last measured: make conformance measures anew."
    return made


@pytest.fixture(autouse=True)
def noted(stack: Stack, request: pytest.FixtureRequest) -> None:
    """Say in the report which stack it was, and which story; skip what it has no means for."""
    marker = request.node.get_closest_marker("story")
    assert marker is not None, "every test of the suite belongs to a story"
    request.node.user_properties += [("stack", stack.name), ("story", str(marker.args[0]))]
    for wanted in request.node.iter_markers("needs"):
        skip_without(stack, *wanted.args)


@pytest.fixture
def desk(
    stack: Stack, noted: None, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Desk]:
    """A stack that is up, and a worker; nothing is plugged in."""
    missing = stack.missing()
    if missing is not None:
        pytest.fail(f"{stack.title} cannot run here: {missing}", pytrace=False)
    folder = tmp_path / "bench"
    folder.mkdir()
    with stack.bench(folder) as bench:
        worker = Worker(bench, tmp_path / "worker.log")
        made = Desk(
            stack,
            bench,
            worker,
            tmp_path,
            lambda kind, text: request.node.user_properties.append((kind, text)),
        )
        try:
            yield made
            made.tidy()
        finally:
            worker.close()


@pytest.fixture
def plugged(desk: Desk) -> Desk:
    """A desk with one token plugged in."""
    desk.take(desk.bench.token())
    return desk
