"""What faces are told of a place for a backup: one reason against it, or none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from custode.container.folder import least_room
from custode.jobs import volumes
from custode.jobs.context import Job
from custode.jobs.errors import JobError
from custode_drivers.volumes.places import Place

STICK = Place(
    path=Path("/media/anna/STICK"),
    label="STICK",
    filesystem="vfat",
    free=least_room(),
    total=8_000_000_000,
    removable=True,
    network=False,
    read_only=False,
    writable=True,
    same_disk=False,
)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, None),
        ({"read_only": True, "writable": False, "free": 0}, "read_only"),
        ({"writable": False, "free": 0}, "not_writable"),
        ({"free": least_room() - 1}, "full"),
        ({"free": None, "network": True}, None),
        ({"same_disk": True, "removable": False}, None),
    ],
)
def test_why_not(changed: dict[str, Any], why: str | None) -> None:
    told = volumes.row(replace(STICK, **changed))
    assert told["why"] == why
    assert told["path"] == "/media/anna/STICK"


def _job(**params: Any) -> Job:
    return Job(params, [], lambda *_: pytest.fail("it asks nobody"))


def test_this_computer_and_any_folder(tmp_path: Path) -> None:
    told = volumes.list_(_job(home=str(Path.home()), folder=str(tmp_path)))
    assert told["computer"]["path"] == str(Path.home())
    assert told["computer"]["same_disk"]
    assert told["folder"]["path"] == str(tmp_path)
    assert told["folder"]["why"] is None
    assert volumes.list_(_job(home="/", folder=None))["folder"] is None


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(JobError) as refused:
        volumes.list_(_job(home="/", folder=str(tmp_path / "none")))
    assert refused.value.code == "file_missing"
