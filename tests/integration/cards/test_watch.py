"""The watch over the real PC/SC, with virtual cards."""

from __future__ import annotations

from pathlib import Path

import pytest

from custode_drivers.pcsc.watch import PcscWatch
from custode_drivers.testing.pcscd import PcscDaemon
from custode_drivers.testing.piv import PivCard
from custode_drivers.testing.readers import pull, put, shows
from custode_drivers.testing.watching import MODULES, Desk, Heard, Report, WatchConformance


class RealDesk:
    """Two slots of one reader: two readers of one make, whose names differ in a number.

    The virtual reader is looked at a few times a second: what is done here has been noticed by the
    service when it returns, or a test could not tell one event from the next.
    """

    def __init__(self, pcscd: PcscDaemon) -> None:
        self.pcscd = pcscd
        self.cards = (PivCard(serial=1), PivCard(serial=2))
        for reader in pcscd.readers:
            shows(reader.name, card=False)

    def watch(self, report: Report) -> PcscWatch:
        return PcscWatch(MODULES, report, socket=self.pcscd.socket_path)

    def insert(self, reader: int) -> None:
        put(self.pcscd.readers[reader], self.cards[reader])

    def remove(self, reader: int) -> None:
        pull(self.pcscd.readers[reader])

    def kill(self) -> None:
        self.pcscd.kill()

    def start(self, *, readers: bool = True) -> None:
        self.pcscd.start(("Yubico YubiKey CCID",) if readers else ())


def test_two_readers_that_pcscd_calls_by_one_name(pcsc_runtime: Path) -> None:
    """Nobody can ask for the second one, not even a module; the first is seen as ever."""
    with PcscDaemon(("Twin", "Twin"), runtime=pcsc_runtime) as pcscd:
        heard = Heard()
        watch = PcscWatch(MODULES, heard, socket=pcscd.socket_path)
        watch.start()
        try:
            heard.until(lambda: heard.hints == 1)
            pcscd.readers[0].insert(PivCard(serial=1))
            heard.until(lambda: heard.hints == 2 and heard.cards[0])
            pcscd.readers[0].remove()
            heard.until(lambda: heard.hints == 3 and not any(heard.cards))
        finally:
            watch.stop()


class TestRealService(WatchConformance):
    @pytest.fixture
    def desk(self, pcscd: PcscDaemon) -> Desk:
        return RealDesk(pcscd)
