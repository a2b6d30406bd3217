"""Cards behind PC/SC: how soon they are seen, what watching costs, and what a long day leaves."""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from bench.figures import Figure, figure
from bench.processes import (
    children_of,
    cpu_s,
    descriptors_of,
    rss_mb,
    threads_of,
    wakeups_of,
)
from custode.paths import Paths
from custode.rpc.client import AgentClient
from custode_drivers.pcsc import scard
from custode_drivers.testing.pcscd import PcscDaemon
from custode_drivers.testing.piv import PivCard

COLD_RUNS: Final = 5
WARM_CYCLES: Final = 5
CYCLES: Final = 100
RESTARTS: Final = 20
IDLE_S: Final = 60.0
PATIENCE_S: Final = 30.0
WORKER_GONE_S: Final = 20.0  # it ends after ten idle seconds
READER: Final = "Yubico YubiKey CCID"  # by this name ykcs11 knows its own
PEER: Final = "opensc-notify"


class Scene:
    """An agent that watches a reader for ykcs11; a card; and somebody who listens to PC/SC too."""

    def __init__(self, pcscd: PcscDaemon, folder: Path) -> None:
        self.pcscd = pcscd
        self.card = PivCard(serial=1001)
        paths = Paths.at(folder / "home")
        paths.make()
        named = f'[[module]]\npath = "{_module()}"\n[modules]\ndiscover = false\n'
        paths.config.write_text(named, "utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "custode", "agent"],
            env={**os.environ, **paths.environment()},
            stdout=subprocess.PIPE,
        )
        if self.process.stdout is None or self.process.stdout.readline() != b"READY\n":
            raise RuntimeError(f"the agent does not start: see {paths.log}")
        self.pid = self.process.pid
        self.client = AgentClient.connect(paths, name="bench", start=False)
        self.client.subscribe()

    def until(self, name: str) -> float:
        """Wait for an event of the agent; returns when it came."""
        for event in self.client.events(PATIENCE_S):
            if event["name"] == name:
                return perf_counter()
        raise TimeoutError(name)

    def insert(self) -> None:
        """Put the card in."""
        self.pcscd.readers[0].insert(self.card)

    def remove(self) -> None:
        """Pull it out."""
        self.pcscd.readers[0].remove()

    def rested(self) -> None:
        """Return when no worker is left."""
        until = perf_counter() + WORKER_GONE_S
        while children_of(self.pid):
            if perf_counter() > until:
                raise TimeoutError("a worker does not end")
            time.sleep(0.2)

    def close(self) -> None:
        """End the agent."""
        self.client.close()
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        if self.process.stdout is not None:
            self.process.stdout.close()


class Report:
    """When PC/SC says for the first time that a card is in a reader: a wait of its own."""

    def __init__(self, reader: str) -> None:
        self._reader = reader
        self.at = 0.0
        self._thread = threading.Thread(target=self._wait)
        self._thread.start()

    def _wait(self) -> None:
        pcsc = scard.PyScard()
        context = pcsc.establish()
        row = scard.Row(self._reader, scard.UNAWARE)
        while not row.state & scard.PRESENT:
            (row,) = pcsc.wait(context, [row], int(PATIENCE_S * 1000))
        self.at = perf_counter()
        pcsc.release(context)

    def came(self) -> float:
        """The moment."""
        self._thread.join(PATIENCE_S)
        return self.at


@contextmanager
def scene() -> Iterator[Scene]:
    """A scene that is cleared away afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="custode-bench-"))
    runtime = folder / "pcscd"
    with PcscDaemon((READER,), runtime=runtime) as pcscd:
        os.environ.update(pcscd.environment)
        played = Scene(pcscd, folder)
        try:
            yield played
        finally:
            played.close()
            shutil.rmtree(folder)


def measure() -> list[Figure]:
    """All figures of detection."""
    with scene() as played:
        return [*_seen(played), *_idle(played), *_cycles(played), *_restarts(played)]


def _module() -> Path:
    return next(Path("/usr/lib").glob("*/libykcs11.so"))


def _seen(played: Scene) -> list[Figure]:
    closed, shown = [], []
    for _ in range(COLD_RUNS):
        played.rested()
        report = Report(played.pcscd.readers[0].name)
        played.insert()
        gate, token = played.until("gate_closed"), played.until("token_inserted")
        at = report.came()
        closed.append((gate - at) * 1000)
        shown.append((token - at) * 1000)
        played.remove()
        played.until("token_removed")
    return [
        figure("PC/SC's report of a card → gate closed", statistics.median(closed), "ms", 30),
        figure("PC/SC's report → read and shown, worker cold", statistics.median(shown), "ms", 500),
    ]


def _idle(played: Scene) -> list[Figure]:
    """A card is in, and nothing happens; beside a program that does nothing but watch."""
    played.insert()
    played.until("token_inserted")
    with _peer() as peer:
        played.rested()
        mine, theirs = _Cost(played.pid), _Cost(peer)
        time.sleep(IDLE_S)
        (cpu, wakeups), (peer_cpu, peer_wakeups) = mine.since(), theirs.since()
    return [
        figure("card in, idle 60 s: CPU", cpu, "%", 0.1, (PEER, peer_cpu)),
        figure("card in, idle 60 s: wake-ups", wakeups, "1/s", 0.5, (PEER, peer_wakeups)),
    ]


class _Cost:
    """Processor time and wake-ups of a process from now on."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._began = perf_counter()
        self._cpu_s, self._wakeups = cpu_s(pid), wakeups_of(pid)

    def since(self) -> tuple[float, float]:
        """Percent of one processor, and wake-ups a second."""
        seconds = perf_counter() - self._began
        cpu = (cpu_s(self._pid) - self._cpu_s) / seconds * 100
        return cpu, (wakeups_of(self._pid) - self._wakeups) / seconds


@contextmanager
def _peer() -> Iterator[int]:
    """The peer on a session bus of its own, on which nobody shows its notifications."""
    session = subprocess.Popen(
        ["dbus-run-session", "--", PEER],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield _named(session.pid, PEER)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(session.pid, signal.SIGTERM)
        session.wait(PATIENCE_S)


def _named(parent: int, name: str) -> int:
    """The child of that name, once it is there."""
    until = perf_counter() + PATIENCE_S
    while perf_counter() < until:
        for child in children_of(parent):
            with suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text("utf-8").startswith(name[:15]):
                    return child
        time.sleep(0.05)
    raise TimeoutError(name)


def _cycles(played: Scene) -> list[Figure]:
    played.remove()
    played.until("token_removed")
    missed = 0

    def cycle() -> None:
        nonlocal missed
        for act, name in ((played.insert, "token_inserted"), (played.remove, "token_removed")):
            act()
            try:
                played.until(name)
            except TimeoutError:
                missed += 1

    for _ in range(WARM_CYCLES):
        cycle()
    played.rested()
    before = _holds(played.pid)
    for _ in range(CYCLES):
        cycle()
    played.rested()
    after = _holds(played.pid)
    grown = {name: after[name] - before[name] for name in before}
    leaked = sum(grown[name] for name in ("processes", "descriptors", "threads"))
    return [
        figure("100 times in and out: events missed", missed, "events", 0),
        figure("… processes, descriptors, threads left", leaked, "", 0),
        figure("… RSS growth", grown["memory"], "MB", 1),
    ]


def _holds(pid: int) -> dict[str, float]:
    counts: dict[str, Callable[[int], Any]] = {
        "processes": lambda one: len(children_of(one)),
        "descriptors": descriptors_of,
        "threads": threads_of,
        "memory": rss_mb,
    }
    return {name: float(count(pid)) for name, count in counts.items()}


def _restarts(played: Scene) -> list[Figure]:
    """From the moment at which pcscd can be asked again to the agent's word that it can see."""
    times = []
    for _ in range(RESTARTS):
        played.pcscd.kill()
        played.until("readers_unavailable")
        played.pcscd.start()
        began = perf_counter()
        times.append(max(0.0, played.until("readers_available") - began))
    return [figure("pcscd killed and started 20 times, slowest recovery", max(times), "s", 2)]
