"""Checks of the disk: room, whether it can be written, what kind it is, and the watched folders."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from custode_drivers.api.checks import Case, Check, Finding, Outcome
from custode_drivers.volumes.filesystems import Kind, kind_of, name_at

NEEDED: Final = 16 << 20
"""Bytes: logs, the database with its journal, and a request or two. A backup lies elsewhere."""
NEEDED_FILES: Final = 50


def _nearest(path: Path) -> Path:
    """The path, or the nearest folder above it that is there: what will be made lies on it."""
    return next((one for one in (path, *path.parents) if one.exists()), Path("/"))


def room(case: Case, _subject: str) -> Iterator[Finding]:
    """Whether there is room for what the agent keeps."""
    place = _nearest(case.home)
    found = os.statvfs(place)
    free = found.f_bavail * found.f_frsize
    told = {"path": str(case.home), "free": free, "needed": NEEDED}
    if free < NEEDED:
        yield Finding("full", data=told)
    elif found.f_files and found.f_favail < NEEDED_FILES:
        yield Finding("no_files", data=told)
    else:
        yield Finding("enough", data=told)


def writable(case: Case, _subject: str) -> Iterator[Finding]:
    """Whether the agent may write where it keeps things."""
    place = _nearest(case.home)
    told = {"path": str(place)}
    if os.statvfs(place).f_flag & os.ST_RDONLY:
        yield Finding("read_only", data=told)
    elif not place.is_dir():
        yield Finding("no_folder", data=told)
    elif not os.access(place, os.W_OK | os.X_OK):
        yield Finding("not_writable" if place == case.home else "above_not_writable", data=told)
    else:
        yield Finding("writable", data=told)


def kind(case: Case, _subject: str) -> Iterator[Finding]:
    """Whether the home lies where locks and permissions work."""
    name = name_at(_nearest(case.home))
    told = {"path": str(case.home), "filesystem": name}
    if name is None:
        yield Finding("not_told", data=told)
        return
    yield Finding(kind_of(name).value, data=told)


def folders(case: Case) -> Sequence[str]:
    """Every watched folder; one empty name when there is none, so that this is told."""
    return [str(folder) for folder in case.backup_folders] or [""]


def watched(_case: Case, folder: str) -> Iterator[Finding]:
    """Whether a folder in which backups appear can be looked into."""
    if not folder:
        yield Finding("none")
    elif not Path(folder).is_dir():
        yield Finding("not_there", folder, {"path": folder})
    elif not os.access(folder, os.R_OK | os.X_OK):
        yield Finding("closed", folder, {"path": folder})
    else:
        yield Finding("open", folder, {"path": folder})


CHECKS: Final = (
    Check(
        "volumes.room",
        room,
        {"enough": Outcome.PASS, "full": Outcome.FAIL, "no_files": Outcome.FAIL},
    ),
    Check(
        "volumes.writable",
        writable,
        {
            "writable": Outcome.PASS,
            "read_only": Outcome.FAIL,
            "no_folder": Outcome.FAIL,
            "not_writable": Outcome.FAIL,
            "above_not_writable": Outcome.FAIL,
        },
    ),
    Check(
        "volumes.kind",
        kind,
        {
            Kind.LOCAL.value: Outcome.PASS,
            "not_told": Outcome.NOT_APPLICABLE,
            Kind.NETWORK.value: Outcome.FAIL,
            Kind.NO_OWNERS.value: Outcome.FAIL,
        },
    ),
    Check(
        "volumes.watched",
        watched,
        {
            "open": Outcome.PASS,
            "none": Outcome.NOT_APPLICABLE,
            "not_there": Outcome.NOT_APPLICABLE,
            "closed": Outcome.FAIL,
        },
        subjects=folders,
    ),
)
