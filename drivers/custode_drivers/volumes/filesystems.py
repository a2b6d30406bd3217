"""Which kind of file system a path lies on: some cannot hold what we keep."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/self/mountinfo")

# As the kernel and FUSE call them (proc(5), mountinfo; field 9 is the type).
_NETWORK: Final = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "9p", "ncpfs", "davfs"),
        *("fuse.sshfs", "fuse.davfs2", "fuse.rclone", "fuse.s3fs", "fuse.gvfsd-fuse"),
    }
)
_NO_OWNERS: Final = frozenset({"vfat", "msdos", "exfat", "fuseblk", "ntfs", "ntfs3", "hfs"})


class Kind(Enum):
    """What a file system is to us."""

    LOCAL = "local"
    NETWORK = "network"
    """Elsewhere: locks and shared memory (SQLite's WAL) do not work as they must."""
    NO_OWNERS = "no_owners"
    """Files have no owner and no permissions there."""


def kind_of(name: str) -> Kind:
    """What a file system of this type is."""
    if name in _NETWORK:
        return Kind.NETWORK
    return Kind.NO_OWNERS if name in _NO_OWNERS else Kind.LOCAL


def name_at(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """Type of the file system that `path` lies on; None where the system does not tell."""
    try:
        table = mounts.read_text(errors="replace")
    except OSError:
        return None
    wanted = path.resolve()
    best, found = -1, None
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        place = Path(_unescaped(before.split()[4]))
        # The later of two mounts on one place lies over the earlier.
        if wanted.is_relative_to(place) and len(place.parts) >= best:
            best, found = len(place.parts), after.split()[0]
    return found


def _unescaped(text: str) -> str:
    r"""Read \040 and the like (proc(5))."""
    for code, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, sign)
    return text
