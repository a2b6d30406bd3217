"""Finds folders that hold an `iw.iwk` on watched places, and notices them come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from custode_drivers.api.events import VolumeFolder
from custode_drivers.api.protocols import Watch
from custode_drivers.volumes.folders import FolderWatch
from custode_drivers.volumes.mounts import MountWatch

HEART: Final = "iw.iwk"
# A place is where sticks are mounted or a folder of backups: PLACE/STICK/FOLDER/iw.iwk at most,
# and one folder more for people who sort them.
_DEPTHS: Final = tuple("*/" * depth + HEART for depth in range(4))


class VolumeWatch:
    """Reports each folder that appears or vanishes, from a thread of its own.

    All of a place is watched, so a place is a mount point or a folder for backups, never a home.
    """

    def __init__(self, places: Iterable[Path], report: Callable[[VolumeFolder], None]) -> None:
        self._places = tuple(places)
        self._report = report
        self._known: set[Path] = set()
        self._folders = FolderWatch(self._places, self._look, recursive=True)
        self._mounts = MountWatch(self._folders.look_again)

    @property
    def problem(self) -> str | None:
        """Why a place cannot be watched now."""
        return self._folders.problem

    def start(self) -> None:
        self._folders.start()
        self._mounts.start()

    def stop(self) -> None:
        self._mounts.stop()
        self._folders.stop()

    def _look(self, _: Sequence[Path]) -> None:
        found = {
            heart.parent
            for place in self._places
            for pattern in _DEPTHS
            for heart in place.glob(pattern)
        }
        gone, new = self._known - found, found - self._known
        self._known = found
        for path in sorted(gone):
            self._report(VolumeFolder(path, appeared=False))
        for path in sorted(new):
            self._report(VolumeFolder(path, appeared=True))


_: type[Watch] = VolumeWatch
