"""Orphans, time, the names of modules."""

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from custode.daemon.agent import _read_module
from custode.daemon.composition import wiring
from custode.daemon.config import ModuleSettings
from custode.daemon.config_file import parse
from custode.daemon.noticing import noticed
from custode.daemon.orphan import end_orphan, process_mark
from custode.daemon.ticking import slept_s, tick
from custode.daemon.tokens import TokenWorkers, module_names
from custode.domain.commands import Announce
from custode.domain.events import (
    ClockTicked,
    ComputerWoke,
    ModuleFailed,
    PlugHinted,
    ReadersSeen,
    TokensListed,
)
from custode.domain.model import Module, Reader, Readers, State
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode_drivers.api import events as report

PIN_FLAGS = ("count_low", "final_try", "locked")


class Listing(TokenWorkers):
    """Answers a listing with what it is given."""

    def __init__(self, answer: list[dict[str, Any]] | CustodeError) -> None:
        self._answer = answer

    def path_of(self, name: str) -> str:
        return f"/lib/{name}"

    async def list_module(self, name: str, cards: object = None) -> list[dict[str, Any]]:
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
    ("jump", "slept", "module", "told"),
    [
        (timedelta(0), 0, Module("m"), []),
        (timedelta(hours=8), 8 * 3600, Module("m"), [ComputerWoke]),
        (timedelta(hours=8), 0, Module("m"), [ComputerWoke]),  # where nobody counts sleep
        (timedelta(hours=-1), 0, Module("m"), [ComputerWoke]),
        (timedelta(0), 5, Module("m"), [ComputerWoke]),  # the wall clock was not put right yet
        (timedelta(0), 0, Module("m", failure="crashed"), [PlugHinted]),
        (timedelta(0), 0, Module("m", failure="crashed", pending=True), []),
        (timedelta(0), 0, Module("m", unreadable=True), [PlugHinted]),
    ],
)
def test_after_a_sleep_or_a_failure_tokens_are_read_again(
    clock: Any, jump: timedelta, slept: float, module: Module, told: list[type]
) -> None:
    box: Any = Box(State(clock.now(), modules={"m": module}))
    counted = iter((100.0, 100.0 + slept, 100.0 + slept))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(tick(JumpingClock(clock, jump), box, 0, lambda: next(counted)))
    assert [type(event) for event in box.events] == [ClockTicked, *told]


def test_a_module_that_waits_for_the_reader_service_is_not_tried_again(clock: Any) -> None:
    """It would start a process every minute; the service's return is noticed anyway."""
    broken = {name: Module(name, failure="crashed") for name in ("card", "soft")}
    readers = Readers(("card",), (), "no_service", clock.now())
    box: Any = Box(State(clock.now(), modules=broken, readers=readers))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(tick(JumpingClock(clock, timedelta(0)), box, 0))
    assert [event.module for event in box.events if isinstance(event, PlugHinted)] == ["soft"]


def test_the_clock_that_counts_sleep_is_ahead_or_equal() -> None:
    assert slept_s() > -0.1


def test_what_the_watches_report_becomes_the_domains(clock: Any) -> None:
    at = clock.now()
    assert noticed(report.PlugHint("m", at), at) == PlugHinted("m", at)
    assert noticed(report.Resumed(at), at) == ComputerWoke(at)
    reader = report.Reader("R", card=True, mute=True, atr=b";\x04", stay=3)
    told = report.ReadersSeen(("m",), (reader,), None, at, moved=True)
    seen = (Reader("R", card=True, atr="3b04", stay=3),)
    assert noticed(told, at) == ReadersSeen(("m",), seen, None, at, moved=True)
    folder = noticed(report.VolumeFolder(Path("/stick/X"), appeared=True), at)
    assert folder == Announce("backup_folder", {"path": "/stick/X", "appeared": True})


def test_what_watches_which_module(tmp_path: Path) -> None:
    def kinds(text: str) -> list[str]:
        config = parse(text, "f.toml")
        made = wiring().watches(config, module_names(config.modules), lambda _: None)
        return [type(one).__name__ for one in made]

    one = '[[module]]\npath = "/a.so"\n'
    assert kinds("") == ["PcscWatch", "ResumeWatch"]  # a card may come
    assert kinds("[modules]\ndiscover = false\n") == []
    assert kinds(one + one) == ["PcscWatch", "ResumeWatch"]  # one for all of them
    assert kinds(one + 'watch = "none"\n[modules]\ndiscover = false\n') == ["ResumeWatch"]
    assert kinds(one + f'watch = "{tmp_path}"\n' + one) == [
        "PcscWatch",
        "SoftHsmWatch",
        "ResumeWatch",
    ]


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
