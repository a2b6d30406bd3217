"""Which kind of file system a path lies on: some cannot hold what we keep."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Final

from custode_drivers.volumes import mounted

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


def name_at(path: Path, mounts: Path = mounted.MOUNTS) -> str | None:
    """Type of the file system that `path` lies on; None where the system does not tell."""
    found = mounted.under(path.resolve(), mounted.read(mounts))
    return None if found is None else found.filesystem
