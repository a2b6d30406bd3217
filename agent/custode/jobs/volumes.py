"""Where a backup could be put. A job, because a stick that fails lets whoever looks at it wait."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from custode.container.folder import least_room
from custode.jobs.errors import JobError
from custode_drivers.volumes.places import Place, Places

if TYPE_CHECKING:
    from custode.jobs.context import Job


def list_(job: Job) -> dict[str, Any]:
    """Tell every volume, this computer's own disk, and one folder when it is asked for.

    :raises JobError: file_missing when that folder is not there
    """
    places = Places(Path(job.params["home"]))
    folder = job.params.get("folder")
    if folder is not None and not Path(folder).is_dir():
        raise JobError("file_missing", path=folder)
    own = Path.home()
    return {
        "volumes": [row(place) for place in places.all()],
        "computer": _at(places, own) if own.is_dir() else None,
        "folder": None if folder is None else _at(places, Path(folder)),
    }


def _at(places: Places, folder: Path) -> dict[str, Any] | None:
    place = places.at(folder)
    return None if place is None else row(place)


def row(place: Place) -> dict[str, Any]:
    """One place for faces; `why`: what keeps a backup from being put there, None when nothing."""
    told: dict[str, Any] = msgspec.to_builtins(place, enc_hook=str)
    return {**told, "why": _why_not(place)}


def _why_not(place: Place) -> str | None:
    if place.read_only:
        return "read_only"
    if not place.writable:
        return "not_writable"
    if place.free is not None and place.free < least_room():
        return "full"
    return None
