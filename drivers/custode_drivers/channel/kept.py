"""A secret that has to be kept for a while: in pages of its own, locked, wiped at the end.

mlock(2) keeps it off the swap device, madvise(2) out of core files and of forked children.
"""

from __future__ import annotations

import ctypes
import hmac
import mmap
import os
import sys
from contextlib import suppress
from typing import Final

_MADV_DONTDUMP: Final = 16  # <linux/mman.h>; Python's mmap has names only for some
_MADV_WIPEONFORK: Final = 18


class CannotLock(Exception):
    """The system lets us lock no memory; the secret was not kept."""


class KeptSecret:
    """A copy of a secret, until `wipe`."""

    def __init__(self, secret: bytearray | memoryview) -> None:
        """Copy it; the original stays its owner's to wipe. :raises CannotLock: nothing is kept."""
        size = max(len(secret), 1)
        pages = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        self._pages = mmap.mmap(-1, pages, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._length = len(secret)
        try:
            self._lock()
        except CannotLock:
            self._pages.close()
            raise
        self._pages[: self._length] = secret

    @property
    def view(self) -> memoryview:
        """The secret itself, no copy.

        :raises ValueError: after `wipe`
        """
        return memoryview(self._pages)[: self._length]

    def matches(self, secret: bytearray | memoryview) -> bool:
        """Compare in constant time."""
        with self.view as kept:
            return hmac.compare_digest(kept, secret)

    def wipe(self) -> None:
        """Overwrite and let go; again does nothing."""
        if self._pages.closed:
            return
        self._pages[:] = bytes(len(self._pages))
        with suppress(BufferError):  # somebody has a view: of zeros, until he lets go too
            self._pages.close()  # munmap(2) unlocks as well

    def _lock(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        handle = (ctypes.c_char * len(self._pages)).from_buffer(self._pages)
        address, length = ctypes.addressof(handle), len(self._pages)
        del handle
        if libc.mlock(ctypes.c_void_p(address), ctypes.c_size_t(length)):
            raise CannotLock(os.strerror(ctypes.get_errno()))
        if sys.platform == "linux":
            for advice in (_MADV_DONTDUMP, _MADV_WIPEONFORK):
                self._pages.madvise(advice)
