"""What goes wrong with a virtual card on demand, and what was said to it."""

from __future__ import annotations

import enum
import threading
import time
from dataclasses import dataclass, field
from typing import Final, Self

# Commands whose data is a PIN, a PUK or a key: VERIFY, CHANGE REFERENCE DATA and RESET RETRY
# COUNTER (ISO/IEC 7816-4 §11.5), IMPORT KEY and SET MANAGEMENT KEY (Yubico PIV extensions), and PUT
# DATA with odd INS (OpenPGP card 3.4 §7.2.8, in the form for key import).
SECRET_INS: Final = frozenset({0x20, 0x24, 0x2C, 0xDB, 0xFE, 0xFF})
_PUT_DATA_PIV: Final = bytes.fromhex("00db3fff")  # the same INS, and nothing secret (SP 800-73-4)
_INS = 1
_HEADER_BYTES = 4


class Cut(enum.Enum):
    """When in a command the card leaves the reader."""

    BEFORE = "before"
    """Nothing was done."""
    AFTER = "after"
    """The work was done, and nobody heard of it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong once, at the `at`-th command from when it was armed.

    `ins` counts only commands with that instruction byte. `answer` is sent in the command's place
    (data and status word, or anything); the card does nothing.
    """

    at: int = 1
    ins: int | None = None
    cut: Cut | None = None
    delay_s: float = 0.0
    answer: bytes | None = None


@dataclass(slots=True)
class _Armed:
    fault: Fault
    left: int


class Faults:
    """The faults of one card. May be armed from any thread, also while a command runs."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        """Before every answer."""
        self._armed: list[_Armed] = []
        self._lock = threading.Lock()

    def arm(self, fault: Fault) -> None:
        with self._lock:
            self._armed.append(_Armed(fault, fault.at))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._armed.clear()
            self.delay_s = 0.0

    def remove_at(self, at: int = 1, *, ins: int | None = None, cut: Cut = Cut.BEFORE) -> None:
        """The card is pulled out in the middle of a command: its reader never answers it."""
        self.arm(Fault(at, ins, cut=cut))

    def delay_at(self, delay_s: float, at: int = 1, *, ins: int | None = None) -> None:
        """One command takes longer, by so many seconds."""
        self.arm(Fault(at, ins, delay_s=delay_s))

    def answer_at(self, answer: bytes, at: int = 1, *, ins: int | None = None) -> None:
        """One command is answered by these bytes instead, and not done."""
        self.arm(Fault(at, ins, answer=answer))

    @property
    def pending(self) -> int:
        """How many have not happened yet."""
        with self._lock:
            return len(self._armed)

    def meet(self, command: bytes) -> tuple[Cut | None, float, bytes | None]:
        """What happens to this command: when it is cut, by how much it is late, a false answer."""
        cut: Cut | None = None
        answer: bytes | None = None
        with self._lock:
            delay_s = self.delay_s
            for armed in self._armed:
                if armed.fault.ins in {None, command[_INS]}:
                    armed.left -= 1
                    if armed.left == 0:
                        cut = armed.fault.cut or cut
                        delay_s += armed.fault.delay_s
                        answer = answer if armed.fault.answer is None else armed.fault.answer
            self._armed = [armed for armed in self._armed if armed.left > 0]
        return cut, delay_s, answer


@dataclass(frozen=True, slots=True)
class Exchange:
    """A command and what came of it. `data` has `**` for each byte of a PIN or key."""

    header: str
    """CLA INS P1 P2, hexadecimal."""
    data: str
    """All after the header (lengths and data), hexadecimal or masked."""
    sw: str | None
    """The status word, hexadecimal; None when the card did nothing."""
    response_bytes: int
    cut: Cut | None
    duration_s: float

    @property
    def ins(self) -> int:
        return int(self.header[2:4], 16)

    @classmethod
    def of(cls, command: bytes, response: bytes | None, cut: Cut | None, started_s: float) -> Self:
        return cls(
            header=command[:_HEADER_BYTES].hex(),
            data=_masked(command),
            sw=response[-2:].hex() if response is not None else None,
            response_bytes=len(response or b""),
            cut=cut,
            duration_s=time.monotonic() - started_s,
        )


def _masked(command: bytes) -> str:
    data = command[_HEADER_BYTES:]
    if command[_INS] in SECRET_INS and not command.startswith(_PUT_DATA_PIV):
        return "**" * len(data)
    return data.hex()


@dataclass(slots=True)
class Trace:
    """The commands a card was given, oldest first; the oldest are forgotten past `limit`."""

    limit: int = 10_000
    _exchanges: list[Exchange] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, exchange: Exchange) -> None:
        with self._lock:
            self._exchanges.append(exchange)
            del self._exchanges[: -self.limit]

    def clear(self) -> None:
        with self._lock:
            self._exchanges.clear()

    def __len__(self) -> int:
        with self._lock:
            return len(self._exchanges)

    def exchanges(self, *, ins: int | None = None) -> tuple[Exchange, ...]:
        """All that were noted, or those with this instruction byte."""
        with self._lock:
            return tuple(each for each in self._exchanges if ins in {None, each.ins})
