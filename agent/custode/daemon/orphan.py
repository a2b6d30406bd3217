"""Finds and ends a process of ours that outlived an agent which was killed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Final

_DEADLINE_S: Final = 3.0
_STEP_S: Final = 0.02
_START_TIME: Final = 19  # proc(5) /proc/PID/stat, field 22, counted behind the command's ")"


def process_mark(pid: int) -> str:
    """Text that names this process and no later one with the same number; "" if unknown."""
    started = _started(pid)
    return f"{pid}:{started}" if started else ""


def end_orphan(mark: str) -> bool:
    """End the process of that mark and wait for it; False when it is not there any more."""
    pid_text, _, started = mark.partition(":")
    if not started or _started(int(pid_text)) != started:
        return False
    pid = int(pid_text)
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        until = time.monotonic() + _DEADLINE_S
        while time.monotonic() < until:
            if _started(pid) != started:
                return True
            time.sleep(_STEP_S)
    return True


def _started(pid: int) -> str:
    """Start time of a process, "" when there is none or the system does not tell."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[_START_TIME]
