"""The short version of `make faults`: a few kills of each kind, every pull, the main harms."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import lab, operations, pulls, trial, volumes
from .lab import Snapshot
from .referee import Point
from .trial import Fault

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]  # the first one prepares the stages


_ONE = ("new", "fresh", "certified", "backed", "lost")


@pytest.fixture(scope="module")
def snapshots() -> Iterator[dict[str, Snapshot]]:
    base = Path(tempfile.mkdtemp(prefix="custode-faults-", dir=lab.memory()))
    try:
        yield lab.prepare(base, (*_ONE, "paired", "spared"))
    finally:
        shutil.rmtree(base)


KILLS = (
    Fault("authority init", "authority", Point("authority", "database create after", 1)),
    Fault("identity set", "agent", Point("authority", "commit flushed", 1)),
    Fault("csr", "agent", Point("token", "object generate after", 1)),
    Fault("backup create", "agent", Point("job", "volume rename .custode-*.tmp after", 1)),
    Fault("backup create copy", "token", Point("token", "C unwrap_key after", 1)),
    Fault(
        "activate", "authority", Point("agent", "journal backup.activate step:collected after", 1)
    ),
    Fault("cancel", "job", Point("job", "http POST /v1/cancellations after", 1)),
    Fault("renew", "agent", Point("agent", "journal renew step:superseded after", 1)),
    Fault("reissue", "token", Point("token", "C init_token after", 1)),
    Fault("spare create", "agent", Point("token", "object generate after", 1)),
    Fault(
        "spare create",
        "agent",
        Point("job", "http POST /v1/backups/*/spare/confirmation after", 1),
    ),
    Fault(
        "spare activate",
        "authority",
        Point("agent", "journal spare.activate step:collected after", 1),
    ),
    Fault("report", "authority", Point("job", "http POST /v1/reports before", 1)),
)


@pytest.mark.parametrize("fault", KILLS, ids=str)
def test_a_kill_loses_nothing(snapshots: dict[str, Snapshot], fault: Fault) -> None:
    """Resumed or undone, nothing half stays, and run again it reaches its end."""
    stage = operations.BY_NAME[fault.operation].stage
    outcome = trial.attempt(snapshots[stage], fault)
    assert outcome.result in {"acknowledged", "resumed", "undone"}, outcome


def test_a_pulled_token_is_named_and_nothing_half_done_stays(
    snapshots: dict[str, Snapshot],
) -> None:
    operation = operations.BY_NAME["csr"]
    pulled = pulls.pull_at_every_call(snapshots[operation.stage], operation, late=False)
    assert [((pull.method, pull.nth), pull.code) for pull in pulled] == [
        (at, "token_gone") for at in pulls.CALLS["csr"]
    ]


def test_an_unplugged_volume_keeps_no_half_folder(snapshots: dict[str, Snapshot]) -> None:
    """At what clears, makes, fills and names the folder; `make faults` does the rest."""
    wanted = {"remove", "make_folder", "write", "rename"}
    try:
        found = volumes.harm_at_every_use(
            snapshots["certified"], "unplugged", lambda use: use in wanted
        )
    except volumes.CannotMount as exc:
        pytest.skip(f"nothing can be mounted here: {exc}")
    assert {use for use, _ in found} == wanted
    assert all(code in volumes.CODES for _, code in found), found
