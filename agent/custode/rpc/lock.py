"""Whether an agent runs, asked without connecting: that has a service manager start one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from custode.paths import Paths


def is_locked(paths: Paths) -> bool:
    """Whether an agent holds the lock of this home."""
    import fcntl

    try:
        fd = os.open(paths.lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False  # there is none, or nobody could work there
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
