"""The card's side of vpcd (Virtual Smart Card Architecture): a card is put in, and pulled out.

Frames in both directions are a big-endian 16-bit length and that many bytes. A frame of one byte
from the reader is a signal (`Signal`), of which only `GET_ATR` is answered; longer ones are command
APDUs (ISO/IEC 7816-4 §5.2), answered by response APDUs. A connection is a card in the reader, its
end is the card's removal. A subclass of `VirtualCard` says what the card does, and
`reader.insert(card)` puts it in. What goes wrong on demand is in `card.faults`, what was said in
`card.trace`.
"""

from __future__ import annotations

import contextlib
import enum
import socket
import struct
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from custode_drivers.testing.faults import Cut, Exchange, Faults, Trace


class Signal(enum.IntEnum):
    """One-byte frames of the reader (vpcd.h, VPCD_CTRL_…)."""

    OFF = 0
    ON = 1
    RESET = 2
    GET_ATR = 4


class CardRemoved(Exception):
    """The card left the reader in the middle of a command."""


class VirtualCard(ABC):
    """A card that can be put into a `VirtualReader`: its state lives as long as this object."""

    def __init__(self, atr: bytes) -> None:
        self.atr: Final = atr
        self.faults: Final = Faults()
        self.trace: Final = Trace()

    @abstractmethod
    def process(self, command: bytes) -> bytes:
        """Answer one command APDU by data and status word."""

    @abstractmethod
    def signalled(self, signal: Signal) -> None:
        """Power came, went, or was reset; volatile state (PIN verified, …) ends here."""

    def transmit(self, command: bytes, removed: threading.Event) -> bytes:
        """Process one command under the faults, and note it in the trace.

        :raises CardRemoved: when a fault pulls the card out, before or after it did the work.
        """
        cut, delay_s, answer = self.faults.meet(command)
        started_s = time.monotonic()
        if delay_s and removed.wait(delay_s):
            cut = cut or Cut.BEFORE
        if cut is Cut.BEFORE:
            self.trace.note(Exchange.of(command, None, cut, started_s))
            raise CardRemoved
        response = self.process(command) if answer is None else answer
        if removed.is_set():
            cut = Cut.AFTER
        self.trace.note(Exchange.of(command, response, cut, started_s))
        if cut is Cut.AFTER:
            raise CardRemoved
        return response


class VirtualReader:
    """One slot of vpcd. `name` is what PC/SC calls it; `connect` gives a socket to its port."""

    def __init__(self, name: str, connect: Callable[[], socket.socket]) -> None:
        self.name: Final = name
        self._connect = connect
        self._lock = threading.RLock()
        self._inserted: _Inserted | None = None

    def __repr__(self) -> str:
        return f"VirtualReader({self.name!r})"

    @property
    def card(self) -> VirtualCard | None:
        """The card in it; None once a fault or pcscd's end took it out."""
        with self._lock:
            if self._inserted is None or self._inserted.removed.is_set():
                return None
            return self._inserted.card

    def wait_empty(self, within_s: float) -> bool:
        """Wait until a fault, or pcscd's end, has taken the card out; False when the time is up."""
        with self._lock:
            inserted = self._inserted
        return inserted is None or inserted.removed.wait(within_s)

    def insert(self, card: VirtualCard) -> None:
        """Put a card in; PC/SC tells of it within its own poll of 0.4 s.

        :raises RuntimeError: when a card is in it.
        :raises OSError: when pcscd does not run.
        """
        with self._lock:
            if self.card is not None:
                raise RuntimeError(f"{self!r} holds a card already")
            self.remove()
            self._inserted = _Inserted(card, self._connect())

    def remove(self) -> VirtualCard | None:
        """Pull the card out, whatever it is doing; None when there was none."""
        with self._lock:
            inserted, self._inserted = self._inserted, None
        if inserted is None:
            return None
        inserted.end()
        return inserted.card


class _Inserted:
    """A card while it is in a reader: the connection, and the thread that answers on it."""

    def __init__(self, card: VirtualCard, connection: socket.socket) -> None:
        self.card = card
        self.removed = threading.Event()
        self._connection = connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Removal is a reset of the connection, see _break_off.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._thread = threading.Thread(target=self._answer, name="virtual-card", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self.removed.set()
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RD)  # wakes our thread, and tells vpcd nothing
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _answer(self) -> None:
        """Serve the reader until either side ends."""
        try:
            # OSError, EOFError: the card was pulled out, or pcscd is gone.
            with self._connection, contextlib.suppress(OSError, EOFError, CardRemoved):
                while True:
                    self._answer_frame(self._receive())
        finally:
            self.card.signalled(Signal.OFF)
            self.removed.set()

    def _answer_frame(self, frame: bytes) -> None:
        if len(frame) != 1:
            try:
                self._send(self.card.transmit(frame, self.removed))
            except CardRemoved:
                self._break_off()
                raise
        elif frame[0] == Signal.GET_ATR:
            self._send(self.card.atr)
        else:
            self.card.signalled(Signal(frame[0]))

    def _receive(self) -> bytes:
        (length,) = struct.unpack(">H", self._receive_exactly(2))
        return self._receive_exactly(length)

    def _receive_exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            # vpcd writes length and body apart: with Nagle's algorithm there and delayed
            # acknowledgements here each command would cost 44 ms. The option does not last.
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            part = self._connection.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return bytes(data)

    def _break_off(self) -> None:
        """Make vpcd report a failed transmission, as a reader does.

        When a connection ends where an answer should begin, vpcd reports success and no bytes at
        all. A reset in the middle of an answer it takes for what it is.
        """
        self._connection.sendall(struct.pack(">H", 2))

    def _send(self, frame: bytes) -> None:
        self._connection.sendall(struct.pack(">H", len(frame)) + frame)
