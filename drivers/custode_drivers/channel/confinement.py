"""What every process that handles secrets takes away from itself."""

from __future__ import annotations

import ctypes
import resource
import signal
import sys
from typing import Final

# prctl(2), <linux/prctl.h>
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4


def confine() -> None:
    """No core files, no ptrace by others of the same user; on Linux also: die with the daemon.

    A child that hangs in a vendor's C code never sees its channel end, so the kernel ends it.

    :raises OSError: when the system refuses: then no secret may be handled here.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        _prctl(_PR_SET_DUMPABLE, 0)
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option})")
