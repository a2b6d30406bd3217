"""Orphans, time, the names of modules."""

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from custode.daemon.agent import _read_module
from custode.daemon.config import ModuleSettings
from custode.daemon.orphan import end_orphan, process_mark
from custode.daemon.ticking import tick
from custode.daemon.tokens import TokenWorkers, module_names
from custode.domain.events import ClockTicked, ModuleFailed, PlugHinted, TokensListed
from custode.domain.model import Module, State
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

PIN_FLAGS = ("count_low", "final_try", "locked")


class Listing(TokenWorkers):
    """Answers a listing with what it is given."""

    def __init__(self, answer: list[dict[str, Any]] | CustodeError) -> None:
        self._answer = answer

    async def list_module(self, name: str) -> list[dict[str, Any]]:
        if isinstance(self._answer, CustodeError):
            raise self._answer
        return self._answer


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
        (timedelta(0), Module("m", unreadable=True), True),
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


ROW: dict[str, Any] = {
    "manufacturer": "Acme",
    "model": "T1",
    "serial": "0001",
    "label": "mine",
    **dict.fromkeys(("initialized", "user_pin_initialized", "login_required", "removable"), True),
    **dict.fromkeys((f"{who}pin_{what}" for who in ("", "so_") for what in PIN_FLAGS), False),
    "protected_path": False,
    "min_pin": None,
    "max_pin": 8,
    "mechanisms": [],
    "certificates": [],
    "public_keys": [],
}
MUTE = {"unreadable": "C_GetTokenInfo: CKR_GENERAL_ERROR"}


@pytest.mark.parametrize(
    ("rows", "serials", "unreadable"),
    [([], [], False), ([ROW], ["0001"], False), ([ROW, MUTE], ["0001"], True), ([MUTE], [], True)],
)
def test_a_slot_that_cannot_be_read_is_told_to_the_domain(
    clock: Any, rows: list[dict[str, Any]], serials: list[str], *, unreadable: bool
) -> None:
    told = asyncio.run(_read_module(Listing(rows), "m", clock))
    assert isinstance(told, TokensListed)
    assert [token.id.serial for token in told.tokens] == serials
    assert told.token_unreadable is unreadable


@pytest.mark.parametrize(
    ("answer", "in_slot"),
    [
        (CustodeError(ErrorCode.MODULE_FAILED, why="SIGSEGV"), False),
        ([{**ROW, "serial": None}], True),  # nonsense, but of a token
    ],
)
def test_a_module_that_fails_tells_whether_it_had_a_token(
    clock: Any, answer: Any, *, in_slot: bool
) -> None:
    told = asyncio.run(_read_module(Listing(answer), "m", clock))
    assert isinstance(told, ModuleFailed)
    assert told.token_in_slot is in_slot
