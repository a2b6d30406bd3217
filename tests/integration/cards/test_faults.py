"""Each fault of a virtual card does what it says, seen from the other side of PC/SC."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from smartcard import scard

from custode_drivers.testing.faults import Cut
from custode_drivers.testing.pcscd import PcscDaemon
from custode_drivers.testing.piv import PivCard

from .events import WITHIN_S, Pcsc, insert

SELECT = bytes.fromhex("00a4040005a000000308")
VERSION = bytes.fromhex("00fd000000")
VERSION_TOLD = bytes.fromhex("0504039000")
WRONG_PIN = bytes.fromhex("0020008008") + b"654321\xff\xff"


@pytest.fixture
def card() -> PivCard:
    return PivCard(serial=5)


@pytest.fixture
def pcsc(pcscd: PcscDaemon, card: PivCard) -> Iterator[Pcsc]:
    insert(pcscd.readers[0], card)
    context = Pcsc()
    yield context
    context.close()


@pytest.fixture
def name(pcscd: PcscDaemon) -> str:
    return pcscd.readers[0].name


@pytest.mark.parametrize(("cut", "remaining"), [(Cut.BEFORE, 3), (Cut.AFTER, 2)])
def test_removed_in_the_middle_of_a_command(
    pcscd: PcscDaemon, pcsc: Pcsc, card: PivCard, name: str, cut: Cut, remaining: int
) -> None:
    card.faults.remove_at(1, ins=0x20, cut=cut)
    assert len(pcsc.transmit(name, SELECT, VERSION, WRONG_PIN, VERSION)) == 2
    assert pcscd.readers[0].wait_empty(WITHIN_S)
    pcsc.wait(name, scard.SCARD_STATE_EMPTY)
    assert card.pin_attempts_remaining == remaining
    (exchange,) = card.trace.exchanges(ins=0x20)
    assert exchange.cut is cut
    assert card.faults.pending == 0

    insert(pcscd.readers[0], card)
    assert pcsc.transmit(name, SELECT, VERSION)[1] == VERSION_TOLD


def test_removed_at_the_nth_command(pcsc: Pcsc, card: PivCard, name: str) -> None:
    card.faults.remove_at(3)
    assert pcsc.transmit(name, SELECT, VERSION, VERSION)[1:] == [VERSION_TOLD]


def test_one_command_is_late_and_then_all(pcsc: Pcsc, card: PivCard, name: str) -> None:
    card.faults.delay_at(0.3, 2)
    started_s = time.monotonic()
    assert pcsc.transmit(name, SELECT, VERSION)[1] == VERSION_TOLD
    assert time.monotonic() - started_s >= 0.3
    first, second = card.trace.exchanges()
    assert first.duration_s < 0.3 <= second.duration_s

    card.faults.delay_s = 0.1
    pcsc.transmit(name, SELECT, VERSION)
    assert all(each.duration_s >= 0.1 for each in card.trace.exchanges()[-2:])


def test_pulled_by_hand_during_a_long_command(
    pcscd: PcscDaemon, pcsc: Pcsc, card: PivCard, name: str
) -> None:
    card.faults.delay_at(60, ins=0xFD)
    puller = threading.Timer(0.2, pcscd.readers[0].remove)
    puller.start()
    assert len(pcsc.transmit(name, SELECT, VERSION)) == 1
    puller.join()
    (cut,) = card.trace.exchanges(ins=0xFD)
    assert cut.cut is Cut.BEFORE


def test_a_command_waits_for_no_delayed_acknowledgement(pcsc: Pcsc, name: str) -> None:
    started_s = time.monotonic()
    assert len(pcsc.transmit(name, SELECT, *[VERSION] * 100)) == 101
    assert time.monotonic() - started_s < 3, "it is 4.4 s with 44 ms a command"


def test_wrong_answers(pcsc: Pcsc, card: PivCard, name: str) -> None:
    card.faults.answer_at(bytes.fromhex("6f00"), 2)
    card.faults.answer_at(bytes.fromhex("00112233"), 3)
    told = pcsc.transmit(name, SELECT, VERSION, VERSION, VERSION)
    assert told[1:] == [bytes.fromhex("6f00"), bytes.fromhex("00112233"), VERSION_TOLD]


def test_the_trace_holds_no_pin(pcsc: Pcsc, card: PivCard, name: str) -> None:
    pcsc.transmit(name, SELECT, WRONG_PIN, VERSION)
    select, verify, version = card.trace.exchanges()
    assert (select.header, select.data, select.sw) == (
        "00a40400",
        "05a000000308",
        "9000",
    )
    assert (verify.header, verify.data, verify.sw) == ("00200080", "**" * 9, "63c2")
    assert (version.header, version.response_bytes) == ("00fd0000", 5)
    assert b"654321".hex() not in repr(card.trace)
