"""What the daemon takes away from itself: it passes secrets on, and knows whose they are."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # prctl(2), <linux/prctl.h>


def harden() -> None:
    """No core files, no ptrace by other programs of this user; new files for this user alone.

    :raises OSError: when the system refuses
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_DUMPABLE, ctypes.c_ulong(0), 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE)")
