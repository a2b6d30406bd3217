"""Orphans, time, the names of modules."""

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from custode.daemon.config import ModuleSettings
from custode.daemon.orphan import end_orphan, process_mark
from custode.daemon.ticking import tick
from custode.daemon.tokens import module_names
from custode.domain.events import ClockTicked, PlugHinted
from custode.domain.model import Module, State


def test_an_orphan_is_ended_and_only_that_one() -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        mark = process_mark(sleeper.pid)
        pid, _, started = mark.partition(":")
        assert int(pid) == sleeper.pid
        assert not end_orphan(f"{pid}:{int(started) - 1}")  # the number, but an earlier process
        assert not end_orphan("")
        assert sleeper.poll() is None
        assert end_orphan(mark)
        assert sleeper.wait(5) == -15
        assert not end_orphan(mark)
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_stubborn_orphan_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custode.daemon.orphan._DEADLINE_S", 0.2)
    program = (
        "import signal, time; signal.signal(15, signal.SIG_IGN);"
        "print(1, flush=True); time.sleep(60)"
    )
    sleeper = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert sleeper.stdout
    try:
        sleeper.stdout.readline()
        assert end_orphan(process_mark(sleeper.pid))
        assert sleeper.wait(5) == -9
    finally:
        sleeper.stdout.close()
        sleeper.kill()
        sleeper.wait()


def test_no_mark_of_a_process_that_is_not_there() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert process_mark(gone.pid) == ""
    assert process_mark(os.getpid()) == process_mark(os.getpid()) != ""


class Box:
    def __init__(self, state: State) -> None:
        self.state = state
        self.events: list[object] = []

    def put(self, event: object) -> None:
        self.events.append(event)


class JumpingClock:
    """Each sleep takes `jump` more of the wall's time than of the loop's."""

    def __init__(self, standing: Any, jump: timedelta) -> None:
        self._standing, self._jump = standing, jump
        self.left = 2

    def now(self) -> Any:
        return self._standing.now()

    async def sleep(self, _seconds: float) -> None:
        self.left -= 1
        if self.left == 0:
            raise asyncio.CancelledError
        self._standing.time += self._jump


@pytest.mark.parametrize(
    ("jump", "module", "hinted"),
    [
        (timedelta(0), Module("m"), False),
        (timedelta(hours=8), Module("m"), True),
        (timedelta(hours=-1), Module("m"), True),
        (timedelta(0), Module("m", failure="crashed"), True),
        (timedelta(0), Module("m", failure="crashed", pending=True), False),
    ],
)
def test_after_a_sleep_or_a_failure_tokens_are_read_again(
    clock: Any, jump: timedelta, module: Module, hinted: bool
) -> None:
    box: Any = Box(State(clock.now(), modules={"m": module}))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(tick(JumpingClock(clock, jump), box, 0))
    assert [type(event) for event in box.events] == [ClockTicked] + [PlugHinted] * hinted


def test_modules_are_named_by_their_file_and_apart() -> None:
    paths = ["/a/one.so", "/b/two.so", "/c/one.so", "/c/one.so"]
    names = module_names([ModuleSettings(path=path) for path in paths])
    assert names == ["one.so", "two.so", "one.so#2", "one.so#3"]
