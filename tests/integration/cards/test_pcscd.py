"""A pcscd of one's own: what PC/SC sees of readers and cards, and what is left afterwards."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from smartcard import scard

from custode_drivers.testing.pcscd import Isolation, PcscDaemon, available_isolation
from custode_drivers.testing.piv import ATR, PivCard

from .events import WITHIN_S, Pcsc, insert

_OTHER = """
import sys, time
from custode_drivers.testing.pcscd import PcscDaemon
with PcscDaemon(("Other",)) as other:
    print(other.pid, other.socket_path, flush=True)
    time.sleep(60)
"""


@dataclass(frozen=True)
class Other:
    """Another test process, with a pcscd at the same time."""

    process: subprocess.Popen[str]
    pid: int
    socket_path: Path


@pytest.fixture
def other() -> Iterator[Other]:
    if available_isolation() is Isolation.SHARED:
        pytest.skip("one at a time: this system allows no namespaces")
    with subprocess.Popen([sys.executable, "-c", _OTHER], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pid, path = run.stdout.readline().split()
        yield Other(run, int(pid), Path(path))
        run.kill()


def test_insertion_and_removal_are_events_with_a_counter(pcscd: PcscDaemon) -> None:
    reader, card = pcscd.readers[0], PivCard(serial=1)
    pcsc = Pcsc()
    _, before, _ = pcsc.wait(reader.name, scard.SCARD_STATE_EMPTY)
    for cycle in range(2):
        reader.insert(card)
        _, count, atr = pcsc.wait(reader.name, scard.SCARD_STATE_PRESENT)
        assert (count, atr) == (before + 2 * cycle + 1, ATR)
        assert reader.remove() is card
        _, count, _ = pcsc.wait(reader.name, scard.SCARD_STATE_EMPTY)
        assert count == before + 2 * cycle + 2
    pcsc.close()
    assert not card.trace, "presence costs no command"


def test_two_cards_at_once_are_told_apart(pcscd: PcscDaemon) -> None:
    serial = bytes.fromhex("00f8000000")
    select = bytes.fromhex("00a4040005a000000308")
    for number, reader in enumerate(pcscd.readers):
        insert(reader, PivCard(serial=7000 + number))
    pcsc = Pcsc()
    told = [pcsc.transmit(reader.name, select, serial)[1] for reader in pcscd.readers]
    pcsc.close()
    assert told == [(7000).to_bytes(4) + b"\x90\x00", (7001).to_bytes(4) + b"\x90\x00"]


def test_a_reader_holds_one_card(pcscd: PcscDaemon) -> None:
    insert(pcscd.readers[0], PivCard())
    with pytest.raises(RuntimeError, match="holds a card already"):
        pcscd.readers[0].insert(PivCard())


def test_readers_come_and_go_with_a_restart(pcsc_runtime: Path) -> None:
    with PcscDaemon((), runtime=pcsc_runtime) as daemon:
        assert Pcsc().readers() == []
        daemon.restart(("Left", "Right", "Right"))
        names = [reader.name for reader in daemon.readers]
        assert sorted(Pcsc().readers()) == sorted(names)
        assert names.count("Right 00 00") == 2
        insert(daemon.reader("Left"), PivCard())
        daemon.restart(("Left",))
        assert Pcsc().readers() == ["Left 00 00", "Left 00 01"]
        assert daemon.reader("Left").card is None


def test_a_crash_ends_contexts_and_cards_fall_out(pcsc_runtime: Path) -> None:
    with PcscDaemon(("Crash",), runtime=pcsc_runtime) as daemon:
        reader, card = daemon.readers[0], PivCard()
        insert(reader, card)
        old = Pcsc()
        first = daemon.pid
        daemon.kill()
        assert daemon.pid == 0
        assert reader.card is None
        code, _ = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        assert code == scard.SCARD_E_NO_SERVICE
        with pytest.raises(OSError, match="refused"):
            reader.insert(card)
        daemon.start()
        assert daemon.pid not in {0, first}
        with pytest.raises(AssertionError):
            old.readers()
        insert(reader, card)
        assert Pcsc().state(reader.name)[2] == ATR


def test_two_run_side_by_side(pcscd: PcscDaemon, other: Other) -> None:
    assert pcscd.pid != other.pid
    assert pcscd.socket_path != other.socket_path
    assert all(name.startswith("Yubico") for name in Pcsc().readers())
    told = subprocess.run(
        ["opensc-tool", "--list-readers"],
        env=os.environ | {"PCSCLITE_CSOCK_NAME": str(other.socket_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Other 00 00" in told.stdout
    assert "Yubico" not in told.stdout


def test_the_port_of_vpcd_is_reachable_by_nobody_else(pcscd: PcscDaemon) -> None:
    if pcscd.isolation is Isolation.SHARED:
        pytest.skip("vpcd's port is open: this system allows no namespaces")
    ours, its = (Path(f"/proc/{pid}/ns/net").readlink() for pid in (os.getpid(), pcscd.pid))
    assert ours != its
    with socket.socket() as outside:
        listening = Path(f"/proc/{pcscd.pid}/net/tcp").read_text()
        assert f"00000000:{35963:04X}" in listening, "it does listen on every address, inside"
        assert outside.connect_ex(("127.0.0.1", 35963)) != 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_behind_a_process_that_ended(
    pcscd: PcscDaemon, other: Other, number: signal.Signals
) -> None:
    assert pcscd.pid != other.pid
    ended = os.pidfd_open(other.pid)
    other.process.send_signal(number)
    other.process.wait()
    assert select.select([ended], [], [], WITHIN_S)[0], "pcscd outlived its parent"
    os.close(ended)
    deadline_s = time.monotonic() + WITHIN_S
    while other.socket_path.parents[1].exists():
        assert time.monotonic() < deadline_s, "its folder is still there"
        time.sleep(0.01)
