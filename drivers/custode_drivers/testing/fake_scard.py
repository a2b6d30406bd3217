"""A PC/SC service in memory, which behaves as pcsc-lite's does towards those who only watch.

    service = FakeService()
    service.start(["Reader A 00 00"])
    watch = PcscWatch(["module.so"], report, make=service.client, socket=service.socket)
    service.insert("Reader A 00 00")

It and the real pcscd are held against the same tests (`watching.py`).
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from custode_drivers.pcsc import scard
from custode_drivers.pcsc.scard import Code, Row, Scard, ScardError

ATR: Final = bytes.fromhex("3bfd1300008131fe158073c021c057597562694b657940")
_COUNTER: Final = 16
_PNP_EVENTS: Final = 0xFFFF


@dataclass
class _Reader:
    card: bytes | None = None
    mute: bool = False
    shared: bool = False
    counter: int = 0

    @property
    def state(self) -> int:
        if self.card is None:
            flags = scard.EMPTY
        else:
            flags = scard.PRESENT | (scard.MUTE if self.mute else 0)
            flags |= scard.INUSE if self.shared else 0
        return flags | self.counter << _COUNTER


class FakeService:
    """The service, its readers, and what a person does with them."""

    def __init__(self, folder: Path) -> None:
        """`folder` takes the file that stands for the service's socket."""
        self.socket: Final = folder / "pcscd.comm"
        self.changed: Final = threading.Condition()
        self.readers: dict[str, _Reader] = {}
        self.reader_events = 0
        self.life = 0
        """Which run of the service this is: contexts of an earlier one are dead. 0: it is down."""
        self.waits = 0
        """How many waits have begun so far."""
        self.refuses: int | None = None
        """What establishing a context returns instead of success."""
        self.refuses_cards: int | None = None
        """What connecting to a card returns instead of success."""
        self._lives = itertools.count(1)

    def client(self) -> Scard:
        """A library that talks to this service, for `PcscWatch(make=…)`."""
        return _Client(self)

    def start(self, readers: Iterable[str] = ()) -> None:
        """Start the service with these readers, all empty."""
        with self.changed:
            self.readers = {name: _Reader() for name in readers}
            self.life = next(self._lives)
            self.changed.notify_all()
        self.socket.touch()

    def kill(self) -> None:
        """End it as a crash would: its socket's file stays behind."""
        with self.changed:
            self.life = 0
            self.readers = {}
            self.changed.notify_all()

    def stop(self) -> None:
        """End it in order."""
        self.kill()
        self.socket.unlink(missing_ok=True)

    def plug(self, name: str) -> None:
        """A reader comes."""
        with self.changed:
            self.readers[name] = _Reader()
            self.reader_events = self.reader_events + 1 & _PNP_EVENTS
            self.changed.notify_all()

    def unplug(self, name: str) -> None:
        """A reader goes, with the card that is in it."""
        with self.changed:
            del self.readers[name]
            self.reader_events = self.reader_events + 1 & _PNP_EVENTS
            self.changed.notify_all()

    def insert(self, name: str, atr: bytes = ATR, *, mute: bool = False) -> None:
        """A card comes; a mute one does not answer to being switched on."""
        with self.changed:
            reader = self.readers[name]
            reader.card, reader.mute = (b"" if mute else atr), mute
            reader.counter += 1
            self.changed.notify_all()

    def remove(self, name: str) -> None:
        """A card goes."""
        with self.changed:
            reader = self.readers[name]
            reader.card, reader.mute, reader.shared = None, False, False
            reader.counter += 1
            self.changed.notify_all()

    def share(self, name: str, *, shared: bool) -> None:
        """Another program begins to use a card, or has done."""
        with self.changed:
            self.readers[name].shared = shared
            self.changed.notify_all()


class _Client:
    """One process's library: its contexts belong to the run of the service they were made in."""

    def __init__(self, service: FakeService) -> None:
        self._service = service
        self._contexts: dict[int, int] = {}
        self._cancelled: set[int] = set()
        self._waiting: set[int] = set()
        self._numbers = itertools.count(1)

    def establish(self) -> int:
        call = "SCardEstablishContext"
        if self._service.refuses is not None:
            raise ScardError(self._service.refuses, call)
        if not self._service.life:
            raise ScardError(Code.NO_SERVICE, call)
        number = next(self._numbers)
        self._contexts[number] = self._service.life
        return number

    def release(self, context: int) -> None:
        if self._contexts.pop(context, None) is None:
            raise ScardError(Code.INVALID_HANDLE, "SCardReleaseContext")

    def readers(self, context: int) -> list[str]:
        with self._service.changed:
            self._check(context, "SCardListReaders")
            return list(self._service.readers)

    def wait(self, context: int, rows: Sequence[Row], timeout_ms: int) -> list[Row]:
        call = "SCardGetStatusChange"
        service = self._service
        until = None if timeout_ms == scard.FOREVER else time.monotonic() + timeout_ms / 1000
        with service.changed:
            self._check(context, call)
            known = {*service.readers, scard.PNP}
            if any(row.name not in known for row in rows):
                raise ScardError(Code.UNKNOWN_READER, call)
            listed = len(service.readers)
            service.waits += 1
            self._waiting.add(context)
            try:
                while True:
                    answer = [self._answer(row, listed) for row in rows]
                    if any(row.state & scard.CHANGED for row in answer):
                        return answer
                    left = None if until is None else until - time.monotonic()
                    if left is not None and left <= 0:
                        raise ScardError(Code.TIMEOUT, call)
                    service.changed.wait(left)
                    if self._contexts.get(context) != service.life:
                        raise ScardError(Code.COMM_ERROR, call)
                    if context in self._cancelled:
                        raise ScardError(Code.CANCELLED, call)
            finally:
                self._waiting.discard(context)
                self._cancelled.discard(context)

    def reach(self, context: int, reader: str) -> None:
        with self._service.changed:
            self._check(context, "SCardConnect")
            if self._service.refuses_cards is not None:
                raise ScardError(self._service.refuses_cards, "SCardConnect")
            if reader not in self._service.readers:
                raise ScardError(Code.UNKNOWN_READER, "SCardConnect")

    def cancel(self, context: int) -> None:
        with self._service.changed:
            self._check(context, "SCardCancel")
            if context in self._waiting:
                self._cancelled.add(context)
                self._service.changed.notify_all()

    def _check(self, context: int, call: str) -> None:
        if not self._service.life or self._contexts.get(context) != self._service.life:
            raise ScardError(Code.NO_SERVICE, call)

    def _answer(self, row: Row, listed: int) -> Row:
        """What pcsc-lite 1.9.9 says of one row: only the number of readers tells of a new one."""
        if row.name == scard.PNP:
            moved = len(self._service.readers) != listed
            return Row(row.name, scard.CHANGED if moved else 0)
        reader = self._service.readers.get(row.name)
        if reader is None:
            gone = scard.UNKNOWN | scard.UNAVAILABLE
            return Row(row.name, gone | (0 if row.state & scard.UNKNOWN else scard.CHANGED))
        return Row(row.name, reader.state | _changed(row.state, reader.state), reader.card or b"")


def _changed(asked: int, state: int) -> int:
    counter = asked >> _COUNTER
    differs = (
        asked == scard.UNAWARE
        or asked & scard.UNKNOWN
        or (counter and counter != state >> _COUNTER)
        or (asked & scard.PRESENT and state & scard.EMPTY)
        or (asked & scard.EMPTY and state & scard.PRESENT)
        or (state & scard.PRESENT and (asked ^ state) & scard.MUTE)
        or (asked & scard.INUSE and not state & scard.INUSE)
    )
    return scard.CHANGED if differs else 0


_: type[Scard] = _Client
