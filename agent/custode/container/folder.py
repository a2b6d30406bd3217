"""The folder around a container: `<CODE>_<YYYY-MM-DD>/` with `iw.iwk`, `Leggimi.rtf`, access files.

It is made under a hidden name on the same volume, synced, read back, checked, and then named: a
folder with a proper name is complete. Sticks have no file modes and vanish; whatever fails, nothing
half-written stays where it could be removed, and `remove_stale` finds the rest later.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from pathlib import Path
from typing import Final

from custode.container import includes, iwk, leggimi, search
from custode.container.errors import (
    ContainerInvalid,
    IdentityInside,
    NoSpace,
    NotABackup,
    NotWritten,
)
from custode.container.iwk import Container
from custode.container.volume import Volume
from custode_authority.wire.parameters import MAX_CONTAINER_SIZE

CONTAINER_NAME: Final = "iw.iwk"
_OURS: Final = (CONTAINER_NAME, leggimi.FILE_NAME)
_BACKUP_ID: Final = re.compile(r"[0-9a-f]{32}")
_OVERHEAD: Final = 64 * 1024  # bytes a file: the largest FAT cluster, and its entry
# There is a file, and it is not given out.
_UNREADABLE: Final = frozenset({errno.EACCES, errno.EPERM, errno.EIO})
# What rename() says when the name is taken (POSIX), and what Linux' vfat says.
_TAKEN: Final = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR})


@dataclass(frozen=True, slots=True)
class Draft:
    """A folder to be made.

    `day` is the person's own, for the folder's name; `includes` are files to copy; `private_texts`
    (codice fiscale, name) must be nowhere in the folder; `device` (st_dev) is the volume that is
    meant: a mount point may stay when its stick is pulled.
    """

    container: Container
    leaflet: bytes
    day: date
    includes: Sequence[Path] = ()
    private_texts: Sequence[str] = field(default=(), repr=False)
    device: int | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A folder that is complete; `files` are the names in it, sorted."""

    path: Path
    files: tuple[str, ...]


def write(
    parent: Path, draft: Draft, check: Callable[[bytes], None], volume: Volume | None = None
) -> Written:
    """Make the folder inside `parent`.

    `check` gets `iw.iwk` as it was read back from the medium and raises what it does not like.

    :raises IncludeRefused: a file to take along must stay outside
    :raises IdentityInside: the rest would hold one of the private texts
    :raises NoSpace: the volume is too full
    :raises NotWritten: the volume failed, or gave back other bytes
    """
    volume = volume or Volume()
    files = _files(draft)
    stem = f"{draft.container.manifest.identity_code}_{draft.day:%Y-%m-%d}"
    place = _temporary(parent, draft.container.manifest.backup_id)
    try:
        _check_space(parent, files, volume)
        volume.remove(place)
        try:
            volume.make_folder(place)
            _require_on(place, draft.device)
            _fill(place, files, check, volume)
            place = _give_name(place, parent / stem, volume)
            volume.sync(parent)
            _require_on(place, draft.device)
        except BaseException:  # even an interrupt leaves nothing behind
            _discard(place, volume)
            raise
    except OSError as error:
        raise NotWritten(parent, error.strerror or "") from error
    return Written(place, tuple(sorted(files)))


def precheck(
    parent: Path,
    sources: Sequence[Path],
    private_texts: Sequence[str],
    volume: Volume | None = None,
) -> None:
    """Find out what `write` would refuse anyhow, before there is a container to write.

    :raises IncludeRefused, NoSpace, NotWritten: as `write`
    """
    more = includes.read(sources, taken=_OURS, private_texts=private_texts)
    if not os.access(parent, os.W_OK | os.X_OK):
        readonly = os.statvfs(parent).f_flag & os.ST_RDONLY
        raise NotWritten(parent, os.strerror(errno.EROFS if readonly else errno.EACCES))
    own = dict.fromkeys(_OURS, b"")  # a few KiB, less than the overhead that is counted for each
    _check_space(parent, own | more, volume or Volume())


def least_room() -> int:
    """Bytes that a folder takes at least."""
    return len(_OURS) * _OVERHEAD


def remove_stale(parent: Path, backup_id: str, volume: Volume | None = None) -> bool:
    """Remove what an interrupted `write` left of this backup.

    :return: whether there was something
    :raises NotWritten: it cannot be removed
    """
    place = _temporary(parent, backup_id)
    if not (place.exists() or place.is_symlink()):
        return False
    try:
        (volume or Volume()).remove(place)
    except OSError as error:
        raise NotWritten(place, error.strerror or "") from error
    return True


def remove(written: Written, container_sha256: str) -> None:
    """Take back a complete folder whose registration failed; other people's files stay.

    :raises NotABackup: there is none at that path
    :raises ContainerInvalid: it holds another container, so nothing was removed
    :raises NotWritten: a file cannot be removed
    """
    if read_container(written.path).sha256 != container_sha256:
        raise ContainerInvalid
    try:
        # The container last: after an interruption it still says that this is ours to remove.
        for name in sorted(written.files, key=CONTAINER_NAME.__eq__):
            (written.path / Path(name).name).unlink(missing_ok=True)
        written.path.rmdir()
    except OSError as error:
        if error.errno not in _TAKEN:
            raise NotWritten(written.path, error.strerror or "") from error


def read_container(folder: Path, volume: Volume | None = None) -> Container:
    """Read the container of a folder, strictly; nothing is verified.

    :raises NotABackup: there is no `iw.iwk`
    :raises OSError: there is one, and it cannot be read
    :raises ContainerInvalid: it is not one of this format
    """
    try:
        data = (volume or Volume()).read(folder / CONTAINER_NAME, MAX_CONTAINER_SIZE)
    except OSError as error:
        if error.errno in _UNREADABLE:
            raise
        raise NotABackup(folder) from error
    return iwk.parse(data)


def _files(draft: Draft) -> dict[str, bytes]:
    """What goes into the folder. The folder's own name is in the container's manifest, too."""
    own = dict(zip(_OURS, (draft.container.data, draft.leaflet), strict=True))
    if any(search.find(data, draft.private_texts) for data in own.values()):
        raise IdentityInside
    more = includes.read(draft.includes, taken=_OURS, private_texts=draft.private_texts)
    return own | more


def _temporary(parent: Path, backup_id: str) -> Path:
    if not _BACKUP_ID.fullmatch(backup_id):
        raise ValueError(backup_id)
    return parent / f".custode-{backup_id}.tmp"


def _check_space(parent: Path, files: dict[str, bytes], volume: Volume) -> None:
    needed = sum(len(data) + _OVERHEAD for data in files.values())
    free = volume.free_bytes(parent)
    if free < needed:
        raise NoSpace(needed, free)


def _fill(
    place: Path, files: dict[str, bytes], check: Callable[[bytes], None], volume: Volume
) -> None:
    for name, data in files.items():
        volume.write(place / name, data)
    volume.sync(place)
    for name, data in files.items():
        if volume.read(place / name, len(data)) != data:
            raise NotWritten(place / name, "read back other bytes than were written")
    check(volume.read(place / CONTAINER_NAME, MAX_CONTAINER_SIZE))


def _require_on(place: Path, device: int | None) -> None:
    """:raises OSError: when it lies on another volume than the one that was meant."""
    if device not in {None, place.stat().st_dev}:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), str(place))


def _give_name(place: Path, wanted: Path, volume: Volume) -> Path:
    """`CODE_DAY`, or the first of `CODE_DAY_2`, `CODE_DAY_3` … that is free."""
    for number in count(1):
        path = wanted if number == 1 else wanted.with_name(f"{wanted.name}_{number}")
        if path.exists() or path.is_symlink():
            continue
        try:
            volume.rename(place, path)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
        else:
            return path
    raise AssertionError  # pragma: no cover - numbers do not end


def _discard(place: Path, volume: Volume) -> None:
    with contextlib.suppress(OSError):  # the stick is gone; the error that is on its way says so
        volume.remove(place)
