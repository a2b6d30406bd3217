"""Faults and traces of virtual cards, without a reader."""

from __future__ import annotations

import threading

import pytest

from custode_drivers.testing.faults import Cut, Faults
from custode_drivers.testing.vpcd import CardRemoved, Signal, VirtualCard, VirtualReader

SIGN, READ = bytes.fromhex("0087000000"), bytes.fromhex("00cb000000")
NONE = (None, 0.0, None)


class Echo(VirtualCard):
    """Answers each command by itself."""

    def __init__(self) -> None:
        super().__init__(b"\x3b\x00")
        self.done: list[bytes] = []

    def process(self, command: bytes) -> bytes:
        self.done.append(command)
        return command + b"\x90\x00"

    def signalled(self, signal: Signal) -> None: ...


def test_a_fault_happens_once_at_its_command() -> None:
    faults = Faults()
    faults.remove_at(2)
    assert [faults.meet(READ) for _ in range(3)] == [NONE, (Cut.BEFORE, 0.0, None), NONE]
    assert faults.pending == 0


def test_an_instruction_counts_its_own_commands_only() -> None:
    faults = Faults()
    faults.answer_at(b"\x6f\x00", 2, ins=0x87)
    assert [faults.meet(each) for each in (SIGN, READ, READ)] == [NONE] * 3
    assert faults.meet(SIGN) == (None, 0.0, b"\x6f\x00")


def test_faults_add_up_and_are_cleared() -> None:
    faults = Faults()
    faults.delay_s = 0.5
    faults.delay_at(1.0)
    faults.remove_at(1, cut=Cut.AFTER)
    faults.remove_at(5)
    assert faults.meet(READ) == (Cut.AFTER, 1.5, None)
    assert faults.pending == 1
    faults.clear()
    assert [faults.meet(READ) for _ in range(5)] == [NONE] * 5


@pytest.mark.parametrize(("cut", "done"), [(Cut.BEFORE, []), (Cut.AFTER, [READ])])
def test_what_a_card_has_done_when_it_is_pulled(cut: Cut, done: list[bytes]) -> None:
    card = Echo()
    card.faults.remove_at(1, cut=cut)
    with pytest.raises(CardRemoved):
        card.transmit(READ, threading.Event())
    assert card.done == done
    (exchange,) = card.trace.exchanges()
    assert (exchange.cut, exchange.sw is None) == (cut, cut is Cut.BEFORE)


def test_a_card_that_was_pulled_while_it_worked_does_not_answer() -> None:
    card, removed = Echo(), threading.Event()
    removed.set()
    with pytest.raises(CardRemoved):
        card.transmit(READ, removed)
    assert card.trace.exchanges()[0].cut is Cut.AFTER


@pytest.mark.parametrize(
    ("command", "data"),
    [
        ("0020008006313233343536", "**" * 7),
        ("002400800a31323334353637383930", "**" * 11),
        ("002c0080023132", "**" * 3),
        ("00fe119a03060101", "**" * 4),
        ("00ffffff03030101", "**" * 4),
        ("00db3fff035c0153", "035c0153"),
        ("00db3f00034d0153", "**" * 4),
        ("00cb3fff025c01", "025c01"),
    ],
)
def test_what_the_trace_masks(command: str, data: str) -> None:
    card = Echo()
    card.transmit(bytes.fromhex(command), threading.Event())
    (exchange,) = card.trace.exchanges()
    assert (exchange.header, exchange.data) == (command[:8], data)


def test_the_trace_forgets_the_oldest() -> None:
    card = Echo()
    card.trace.limit = 2
    for command in (SIGN, READ, READ):
        card.transmit(command, threading.Event())
    assert [each.ins for each in card.trace.exchanges()] == [0xCB, 0xCB]
    card.trace.clear()
    assert len(card.trace) == 0


def test_an_empty_reader() -> None:
    def nowhere() -> None:
        raise ConnectionRefusedError

    reader = VirtualReader("none", nowhere)  # type: ignore[arg-type] # it never connects
    assert reader.remove() is None
    assert reader.wait_empty(0)
    with pytest.raises(ConnectionRefusedError):
        reader.insert(Echo())
    assert reader.card is None
