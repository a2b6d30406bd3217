"""The watch over PC/SC, against a service in memory that can do what a desk seldom does."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from custode_drivers.pcsc import scard, watch
from custode_drivers.pcsc.scard import Code, LibraryMissing, ScardError, name_of
from custode_drivers.pcsc.table import Table
from custode_drivers.pcsc.watch import PcscWatch
from custode_drivers.testing.fake_scard import FakeService
from custode_drivers.testing.watching import (
    MODULES,
    Desk,
    Heard,
    Report,
    WatchConformance,
    watching,
)

READERS = ("Acme 00 00", "Acme 01 00")


class FakeDesk:
    def __init__(self, folder: Path) -> None:
        self.service = FakeService(folder)
        self.service.start(READERS)

    def watch(self, report: Report) -> PcscWatch:
        return PcscWatch(MODULES, report, self.service.client, self.service.socket)

    def insert(self, reader: int) -> None:
        self.service.insert(READERS[reader])

    def remove(self, reader: int) -> None:
        self.service.remove(READERS[reader])

    def kill(self) -> None:
        self.service.kill()

    def start(self, *, readers: bool = True) -> None:
        self.service.start(READERS if readers else ())


@pytest.fixture
def fake(tmp_path: Path) -> FakeDesk:
    return FakeDesk(tmp_path)


class TestInMemory(WatchConformance):
    @pytest.fixture
    def desk(self, fake: FakeDesk) -> Desk:
        return fake


def test_readers_that_come_and_go_are_told_and_close_nothing(fake: FakeDesk) -> None:
    """Only a card can be a token: a reader alone is no reason to close the gate."""
    with watching(fake) as heard:
        heard.until(lambda: heard.hints == 1)
        fake.service.plug("Bolt 00 00")
        heard.until(lambda: heard.cards == [False] * 3)
        fake.service.unplug(READERS[0])
        heard.until(lambda: heard.cards == [False] * 2)
        fake.service.unplug(READERS[1])
        fake.service.unplug("Bolt 00 00")
        heard.until(lambda: heard.cards == [])
        assert heard.why is None
        fake.service.plug("Bolt 00 00")
        heard.until(lambda: heard.cards == [False])
        assert heard.hints == 1


def test_a_token_for_usb_comes_and_goes_with_its_reader(fake: FakeDesk) -> None:
    with watching(fake) as heard:
        heard.until(lambda: heard.hints == 1)
        fake.service.plug("Key 00 00")
        fake.service.insert("Key 00 00")
        heard.until(lambda: heard.cards == [False, False, True] and heard.hints == 2)
        fake.service.unplug("Key 00 00")
        heard.until(lambda: heard.cards == [False, False] and heard.hints == 3)


def test_a_card_that_was_out_for_a_moment_is_noticed(fake: FakeDesk) -> None:
    """It looks the same, and yet its session is dead: only the event counter tells."""
    with watching(fake) as heard:
        fake.insert(0)
        heard.until(lambda: heard.cards == [True, False] and heard.hints == 2)
        with fake.service.changed:  # nobody sees the empty reader in between
            fake.remove(0)
            fake.insert(0)
        heard.until(lambda: heard.hints == 3)


def test_who_else_uses_a_card_is_no_news(fake: FakeDesk) -> None:
    with watching(fake) as heard:
        fake.insert(0)
        heard.until(lambda: heard.hints == 2)
        for shared in (True, False, True, False):
            fake.service.share(READERS[0], shared=shared)
        assert heard.quiet()
    used = Table().told([scard.Row(READERS[0], scard.PRESENT | scard.INUSE | scard.CHANGED, b"")])
    asked = {row.name: row.state for row in used.question()}
    assert asked[READERS[0]] == scard.PRESENT  # so that it does not even wake the thread


def test_a_mute_card_is_one(fake: FakeDesk) -> None:
    with watching(fake) as heard:
        heard.until(lambda: heard.hints == 1)
        fake.service.insert(READERS[0], mute=True)
        heard.until(lambda: heard.hints == 2)
        assert heard.seen is not None
        assert [(one.card, one.mute) for one in heard.seen.readers] == [
            (True, True),
            (False, False),
        ]


def test_one_name_for_two_readers_is_one_reader(fake: FakeDesk) -> None:
    """PC/SC knows readers by their names alone: nobody could ask after the second."""

    inner = fake.service.client()

    class Doubled:
        def __getattr__(self, name: str) -> object:
            return getattr(inner, name)

        def readers(self, context: int) -> list[str]:
            return [name for name in inner.readers(context) for _ in range(2)]

    heard = Heard()
    one = PcscWatch(MODULES, heard, Doubled, fake.service.socket)  # type: ignore[arg-type] # fake
    one.start()
    try:
        heard.until(lambda: heard.cards == [False, False])
        fake.insert(1)
        heard.until(lambda: heard.cards == [False, True] and heard.hints == 2)
    finally:
        one.stop()


@pytest.mark.parametrize(
    ("code", "why"),
    [(Code.SECURITY_VIOLATION, "refused"), (0x80100001, "0x80100001")],
)
def test_why_the_service_does_not_answer_is_told(fake: FakeDesk, code: int, why: str) -> None:
    fake.service.refuses = code
    with watching(fake) as heard:
        heard.until(lambda: heard.why == why)
        fake.service.refuses = None
        heard.until(lambda: heard.why is None and len(heard.cards) == 2)


def test_a_system_without_pcsc_is_told_once() -> None:
    def missing() -> scard.Scard:
        raise LibraryMissing("no libpcsclite.so.1")

    heard = Heard()
    one = PcscWatch(MODULES, heard, missing)
    one.start()
    heard.until(lambda: heard.why == "no_library")
    one.stop()
    assert [(event.why, event.moved) for event in heard.events] == [("no_library", True)]


def test_start_waits_for_the_first_look_but_not_for_ever(
    fake: FakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Heard()
    quick = fake.watch(heard)
    quick.start()
    assert heard.hints == 1
    quick.stop()

    monkeypatch.setattr(watch, "FIRST_LOOK_S", 0.05)
    hangs = threading.Event()

    class Hanging:
        def establish(self) -> int:
            hangs.wait(20)
            raise ScardError(Code.NO_SERVICE, "SCardEstablishContext")

    heard = Heard()
    slow = PcscWatch(MODULES, heard, Hanging, fake.service.socket)  # type: ignore[arg-type] # fake
    slow.start()
    assert heard.events == []
    hangs.set()
    slow.stop()


def test_a_service_gone_mad_does_not_spin_us(fake: FakeDesk) -> None:
    """One that returns from every wait at once, though nothing changed."""
    inner = fake.service.client()
    calls = []

    class Mad:
        def __getattr__(self, name: str) -> object:
            return getattr(inner, name)

        def wait(self, context: int, rows: list[scard.Row], _timeout_ms: int) -> list[scard.Row]:
            calls.append(context)
            return inner.wait(context, [scard.Row(row.name, 0) for row in rows], 0)

    heard = Heard()
    one = PcscWatch(MODULES, heard, Mad, fake.service.socket)  # type: ignore[arg-type] # fake
    one.start()
    heard.until(lambda: heard.hints == 1)
    heard.quiet()
    one.stop()
    assert 2 < len(calls) < 100


def test_names_of_codes_are_kept() -> None:
    assert name_of(Code.NO_SERVICE) == "no_service"
    assert name_of(0x80100042) == "0x80100042"
    assert str(ScardError(Code.TIMEOUT, "SCardX")) == "SCardX: timeout"
