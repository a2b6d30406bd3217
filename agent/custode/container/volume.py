"""The few things a folder's making asks of a volume: each one can fail, a stick may vanish at any.

No method follows a symbolic link at the end of a path or replaces what is there.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path

# A directory cannot be synced on every file system; that is not the volume failing.
_NO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP})


class Volume:
    """A mounted file system, by paths. Every method raises OSError when the volume fails."""

    def free_bytes(self, folder: Path) -> int:
        return shutil.disk_usage(folder).free

    def make_folder(self, folder: Path) -> None:
        folder.mkdir()

    def write(self, path: Path, data: bytes) -> None:
        """Write a new file and have it on the medium before returning."""
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def sync(self, folder: Path) -> None:
        """Have a folder's entries on the medium."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in _NO_SYNC:
                raise
        finally:
            os.close(descriptor)

    def read(self, path: Path, limit: int) -> bytes:
        """At most `limit` + 1 bytes of a regular file, from the medium, not from memory."""
        # O_NONBLOCK: a named pipe must not keep us waiting.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with open(path, "rb", opener=lambda name, _: os.open(name, flags)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", str(path))
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            return file.read(limit + 1)

    def rename(self, old: Path, new: Path) -> None:
        """Give a folder its name. POSIX replaces an empty folder and nothing else."""
        old.rename(new)

    def remove(self, folder: Path) -> None:
        """Remove a folder of files; a link instead of the folder is removed itself."""
        if folder.is_symlink():
            folder.unlink()
        elif folder.exists():
            for entry in folder.iterdir():
                entry.unlink()
            folder.rmdir()
