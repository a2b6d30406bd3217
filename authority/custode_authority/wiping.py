"""Freed memory is overwritten: a password that was checked is gone, whoever copied it on its way.

A password comes in through TLS, HTTP and JSON. Each layer makes copies of its own, in buffers that
Python and OpenSSL free without clearing; they would stay readable until something else is put
there. So the process runs with an allocator that overwrites whatever is freed: every object of
Python's goes through malloc (PYTHONMALLOC), and glibc fills what it gets back (mallopt(3),
M_PERTURB; only chunks outside its per-thread cache, which is therefore switched off). Both are
chosen when a process starts, so the program starts itself anew, once, with the same process id.

Elsewhere than on Linux with glibc nothing of this is at hand, and copies may stay until the
process ends; the embedded authority ends after some idle minutes.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ALLOCATOR: Final = "PYTHONMALLOC"
_TUNABLES: Final = "GLIBC_TUNABLES"
_FILL: Final = "glibc.malloc.tcache_count=0:glibc.malloc.perturb=165"
_PR_SET_DUMPABLE: Final = 4  # prctl(2), <linux/prctl.h>


def start_again_wiping(program: Sequence[str]) -> None:
    """Replace this process by one that wipes what it frees; returns when it already does.

    `program` is how Python was told what to run: `["-m", "package.module", …]`.
    """
    if not _is_glibc() or _wipes(os.environ):
        return
    os.execve(  # noqa: S606 - ourselves, no shell
        sys.executable,
        [sys.executable, *program],
        {**os.environ, _ALLOCATOR: "malloc", _TUNABLES: _FILL},
    )


def forbid_core_dumps() -> None:
    """Keep this process's memory out of core files, and from other programs of the same user.

    :raises OSError: when the system refuses.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_DUMPABLE, ctypes.c_ulong(0), 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE)")


def _wipes(environment: Mapping[str, str]) -> bool:
    return (environment.get(_ALLOCATOR), environment.get(_TUNABLES)) == ("malloc", _FILL)


def _is_glibc() -> bool:
    return sys.platform == "linux" and "CS_GNU_LIBC_VERSION" in os.confstr_names
