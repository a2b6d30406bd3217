"""The places where a backup could be put: sticks, other disks, shares; and what speaks against one.

Nothing is written and nothing waits for a server: how full a share is, is not asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from custode_drivers.volumes import mounted
from custode_drivers.volumes.disks import Disks
from custode_drivers.volumes.filesystems import Kind, kind_of
from custode_drivers.volumes.mounted import Mounted

# Where desktops mount what was plugged in (udisks2, FHS 3.0 §3.11).
_FOR_STICKS: Final = (Path("/media"), Path("/run/media"))
# The system's own, also where they have a disk to themselves.
_SYSTEM: Final = tuple(
    Path("/", name)
    for name in ("boot", "dev", "efi", "etc", "nix", "proc", "run", "snap", "sys", "usr", "var")
)
_NEVER_WRITTEN: Final = frozenset({"squashfs", "iso9660", "erofs", "cramfs"})
_OF_THE_KERNEL: Final = frozenset({"autofs", "proc", "sysfs", "cgroup", "cgroup2", "overlay"})
_ALL_SHARES: Final = "fuse.gvfsd-fuse"  # a folder of every share: none of them itself


@dataclass(frozen=True, slots=True)
class Place:
    """A folder in which the backup's own folder could be made; sizes in bytes, None: not known.

    `removable`: it can be carried away. `same_disk`: it lies where the agent's own files are, and
    is lost with them. `writable`: this user may make a folder there, as far as is known.
    """

    path: Path
    label: str
    filesystem: str
    free: int | None
    total: int | None
    removable: bool
    network: bool
    read_only: bool
    writable: bool
    same_disk: bool


class Places:
    """What one look at the system shows; `root` stands for `/` in tests."""

    def __init__(self, home: Path, root: Path = Path("/")) -> None:
        """`home`: a folder of the agent, to tell its disk from others."""
        self._root = root
        self._table = mounted.read(root / "proc/self/mountinfo")
        self._disks = Disks(root)
        own = mounted.under(home.resolve(), self._table)
        self._own = frozenset[str]() if own is None else self._on(own)

    def all(self) -> list[Place]:
        """Every volume where one could be put, but not the disk that the agent itself is on.

        Removable ones first, then other disks, then shares.
        """
        return sorted(
            self._look(_of_volumes(self._table)),
            key=lambda one: (one.network, not one.removable, one.label.casefold(), one.path),
        )

    def at(self, folder: Path) -> Place | None:
        """The same about any folder that exists; None where the system does not tell."""
        mount = mounted.under(folder.resolve(), self._table)
        if mount is None:
            return None
        place = self._place(mount)
        writable = place.writable if place.network else _writable(folder, place.read_only)
        return replace(place, path=folder, writable=writable)

    def _look(self, mounts: Iterable[Mounted]) -> Iterator[Place]:
        seen: set[str] = set()
        for mount in mounts:
            if mount.number in seen:  # the same volume, mounted once more
                continue
            seen.add(mount.number)
            try:
                place = self._place(mount)
            except OSError:  # pulled between the table and the look
                continue
            if not place.same_disk:
                yield place

    def _place(self, mount: Mounted) -> Place:
        network = kind_of(mount.filesystem) is Kind.NETWORK
        here = self._root / mount.place.relative_to("/")
        free = total = None
        if not network:
            told = os.statvfs(here)
            free, total = told.f_bavail * told.f_frsize, told.f_blocks * told.f_frsize
        on = self._on(mount)
        same = bool(on & self._own)
        return Place(
            mount.place,
            self._disks.label(mount) or mount.place.name,
            mount.filesystem,
            free,
            total,
            not network and not same and (_for_sticks(mount.place) or self._disks.removable(on)),
            network,
            mount.read_only,
            not mount.read_only if network else _writable(here, mount.read_only),
            same,
        )

    def _on(self, mount: Mounted) -> frozenset[str]:
        """The disks below a mount, else what stands for its file system."""
        return self._disks.below(mount) or frozenset({f"number {mount.number}"})


def _of_volumes(table: Sequence[Mounted]) -> Iterator[Mounted]:
    for mount in table:
        if mount.filesystem in _NEVER_WRITTEN | _OF_THE_KERNEL | {_ALL_SHARES}:
            continue
        if mount.root != "/" and mount.filesystem != "btrfs":  # a part of something else
            continue
        network = kind_of(mount.filesystem) is Kind.NETWORK
        device = mount.source.startswith("/dev/")
        system = mount.place == Path("/") or _below(mount.place, _SYSTEM)
        if _for_sticks(mount.place) or ((network or device) and not system):
            yield mount


def _for_sticks(place: Path) -> bool:
    return _below(place, _FOR_STICKS)


def _below(place: Path, folders: Sequence[Path]) -> bool:
    return any(place.is_relative_to(folder) for folder in folders)


def _writable(folder: Path, read_only: bool) -> bool:  # noqa: FBT001 - one of two facts
    return not read_only and os.access(folder, os.W_OK | os.X_OK)
