"""Tells when something is mounted or unmounted, which inotify does not.

Linux marks /proc/self/mountinfo as exceptional for poll(2) at every change (proc(5)). Elsewhere
there is no such file, and nothing is reported: watchdog's own events have to do.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/self/mountinfo")
_STOP_S: Final = 5.0


class MountWatch:
    """Calls `changed` from its own thread after each change of the mount table."""

    def __init__(self, changed: Callable[[], None], mounts: Path = _MOUNTS) -> None:
        self._changed = changed
        self._mounts = mounts
        self._thread: threading.Thread | None = None
        self._stop_fd = -1

    def start(self) -> None:
        """Begin to watch, where the system offers it."""
        if not self._mounts.exists():
            return
        stopped, self._stop_fd = os.pipe()
        table = os.open(self._mounts, os.O_RDONLY)
        self._thread = threading.Thread(
            target=self._run, args=(table, stopped), name="mount-watch", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        if self._thread is None:
            return
        os.close(self._stop_fd)
        self._thread.join(_STOP_S)
        self._thread = None

    def _run(self, table: int, stopped: int) -> None:
        try:
            poll = select.poll()
            poll.register(table, select.POLLPRI)
            poll.register(stopped, select.POLLIN)
            while not any(fd == stopped for fd, _ in poll.poll()):
                self._changed()
        finally:
            os.close(table)
            os.close(stopped)
