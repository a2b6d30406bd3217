"""The referee of a campaign: sees every fault point of every process, and may act before it ends.

A process that reports a point stands still until it is answered. What is done to it, or to another
one, or to a token or a volume, happens at exactly that point of the story.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

HOOK: Final = Path(__file__).parent / "hook"
GONE_S: Final = 30.0
_THREADS: Final = 16  # num_threads, field 20, counted behind the state


@dataclass(frozen=True, slots=True)
class Point:
    """A moment: the `nth` time since arming that a process of `role` came to `name`."""

    role: str
    name: str
    nth: int

    def __str__(self) -> str:
        return f"{self.role}: {self.name} #{self.nth}"


Act = Callable[[Point, int], None]  # the point, and the process that stands still there


class Referee:
    """Listens on a socket; unarmed it only answers."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "referee"
        self.pids: dict[str, int] = {}
        self.trace: list[Point] = []
        self.step = "-"  # the last thing that was journaled since arming
        self._seen: Counter[tuple[str, str]] = Counter()
        self._act: Act | None = None
        self._broken: Exception | None = None
        self._last = 0.0
        self._turn = threading.RLock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.disarm()
        self._listener.close()
        self.path.unlink(missing_ok=True)

    def environment(self) -> dict[str, str]:
        """What makes a program, and all it starts, report here."""
        places = [str(HOOK), *filter(None, [os.environ.get("PYTHONPATH", "")])]
        return {"CUSTODE_FAULTS": str(self.path), "PYTHONPATH": os.pathsep.join(places)}

    def arm(self, act: Act | None = None) -> None:
        """Begin to count; `act` is called at every point, while the process stands still."""
        with self._turn:
            self.trace = []
            self.step = "-"
            self._seen.clear()
            self._act = act or _nothing

    def disarm(self) -> None:
        """Answer only. When this returns no act is going on; what the first one raised is raised.

        An act runs in the thread of the process that stands still, where nobody would see it.
        """
        with self._turn:
            self._act = None
            broken, self._broken = self._broken, None
        if broken is not None:
            raise broken

    def quiet(self, seconds: float, deadline_s: float = 10.0) -> None:
        """Return when nobody has reported anything for so long."""
        until = time.monotonic() + deadline_s
        while (now := time.monotonic()) < self._last + seconds and now < until:
            time.sleep(seconds / 4)

    def kill(self, role: str) -> bool:
        """End the process of that role by SIGKILL and wait until it is gone."""
        pid = self.pids.get(role)
        return pid is not None and kill(pid)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines, suppress(OSError):
            for line in lines:
                role, pid, name = line.decode().rstrip("\n").split("\t")
                with self._turn:
                    self._point(role, int(pid), name)
                connection.sendall(b".")

    def _point(self, role: str, pid: int, name: str) -> None:
        self.pids[role] = pid
        self._last = time.monotonic()
        if self._act is None:
            return
        self._seen[role, name] += 1
        point = Point(role, name, self._seen[role, name])
        self.trace.append(point)
        if name.startswith("journal ") and name.endswith(" after"):
            self.step = name.split()[2].removeprefix("step:")
        try:
            self._act(point, pid)
        except Exception as exc:  # noqa: BLE001 - whatever it is, `disarm` raises it
            self._broken = self._broken or exc


def _nothing(_point: Point, _pid: int) -> None:
    """A rehearsal: everything goes on."""


def kill(pid: int) -> bool:
    """SIGKILL, and wait until the process is gone; False when it was gone before."""
    if not alive(pid):
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + GONE_S
    while alive(pid):
        if time.monotonic() > until:
            raise TimeoutError(f"process {pid} does not end")
        time.sleep(0.002)
    return True


def alive(pid: int) -> bool:
    """Whether it runs; a zombie does not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return False
    state, *others = text.rpartition(")")[2].split()
    # proc(5): a process whose first thread ended is "Z" while others still hold its files and locks
    return state not in {"Z", "X"} or int(others[_THREADS]) > 1
