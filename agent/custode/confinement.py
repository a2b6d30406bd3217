"""What the agent and the command line take away from themselves: both pass secrets on.

The workers, which hold them, have the drivers' own `channel.confinement`, which is stricter.
"""

from __future__ import annotations

import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # prctl(2), <linux/prctl.h>


def forbid_core_dumps() -> None:
    """Keep this process's memory out of core files and from other programs of the same user.

    RLIMIT_CORE for the dump, PR_SET_DUMPABLE also against ptrace; only Linux has the latter.

    :raises OSError: when the system refuses
    """
    import ctypes
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_DUMPABLE, ctypes.c_ulong(0), 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE)")
