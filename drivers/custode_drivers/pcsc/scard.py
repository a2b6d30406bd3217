"""The calls of PC/SC that presence needs, typed; only the doctor ever connects to a card.

Only `smartcard.scard` is used: pyscard's own monitors poll, weigh more, and their thread dies for
good when the service stops. States, names and codes are those of the PC/SC specification, part 5,
as pcsc-lite has them in winscard.h.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, Protocol

PNP: Final = "\\\\?PnP?\\Notification"
"""Stands for the list of readers itself, beside the readers' names."""

FOREVER: Final = -1


class Code(IntEnum):
    """SCARD_* as far as we tell them apart; every other number is kept as a number."""

    CANCELLED = 0x80100002
    INVALID_HANDLE = 0x80100003
    UNKNOWN_READER = 0x80100009
    TIMEOUT = 0x8010000A
    COMM_ERROR = 0x80100013
    READER_UNAVAILABLE = 0x80100017
    NO_SERVICE = 0x8010001D
    SERVICE_STOPPED = 0x8010001E
    NO_READERS_AVAILABLE = 0x8010002E
    SECURITY_VIOLATION = 0x8010006A


UNAWARE: Final = 0x0000
CHANGED: Final = 0x0002
UNKNOWN: Final = 0x0004
UNAVAILABLE: Final = 0x0008
EMPTY: Final = 0x0010
PRESENT: Final = 0x0020
EXCLUSIVE: Final = 0x0080
INUSE: Final = 0x0100
MUTE: Final = 0x0200


class ScardError(Exception):
    """A call did not return SCARD_S_SUCCESS."""

    def __init__(self, code: int, call: str) -> None:
        super().__init__(f"{call}: {name_of(code)}")
        self.code: Final = code


class LibraryMissing(Exception):
    """The library of PC/SC cannot be loaded on this system."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of SCardGetStatusChange: `state` is dwCurrentState going in, dwEventState out."""

    name: str
    state: int
    atr: bytes = b""


class Scard(Protocol):
    """The calls. Each raises ScardError."""

    def establish(self) -> int:
        """SCardEstablishContext."""

    def release(self, context: int) -> None:
        """SCardReleaseContext."""

    def readers(self, context: int) -> list[str]:
        """SCardListReaders; none is no error."""

    def wait(self, context: int, rows: Sequence[Row], timeout_ms: int) -> list[Row]:
        """SCardGetStatusChange: return when a row differs from what is outside; see FOREVER."""

    def reach(self, context: int, reader: str) -> None:
        """SCardConnect, at once undone, the card left as it is: whether this user may.

        SCARD_SHARE_DIRECT: the card is neither switched on nor reset, nobody is locked out.
        """

    def cancel(self, context: int) -> None:
        """SCardCancel: have a wait of another thread return CANCELLED; none waits: no effect."""


class PyScard:
    """The real one. :raises LibraryMissing: when made where there is no PC/SC."""

    def __init__(self) -> None:
        try:
            from smartcard import scard
        except ImportError as exc:
            raise LibraryMissing(str(exc)) from exc
        self._scard: Any = scard

    def establish(self) -> int:
        code, context = self._scard.SCardEstablishContext(self._scard.SCARD_SCOPE_SYSTEM)
        _check(code, "SCardEstablishContext")
        return int(context)

    def release(self, context: int) -> None:
        _check(self._scard.SCardReleaseContext(context), "SCardReleaseContext")

    def readers(self, context: int) -> list[str]:
        code, names = self._scard.SCardListReaders(context, [])
        if _unsigned(code) == Code.NO_READERS_AVAILABLE:
            return []
        _check(code, "SCardListReaders")
        return [str(name) for name in names]

    def wait(self, context: int, rows: Sequence[Row], timeout_ms: int) -> list[Row]:
        asked = [(row.name, row.state) for row in rows]
        timeout = self._scard.INFINITE if timeout_ms == FOREVER else timeout_ms
        code, told = self._scard.SCardGetStatusChange(context, timeout, asked)
        _check(code, "SCardGetStatusChange")
        return [Row(str(name), int(state), bytes(atr)) for name, state, atr in told]

    def reach(self, context: int, reader: str) -> None:
        api = self._scard
        code, card, _ = api.SCardConnect(context, reader, api.SCARD_SHARE_DIRECT, 0)
        _check(code, "SCardConnect")
        _check(api.SCardDisconnect(card, api.SCARD_LEAVE_CARD), "SCardDisconnect")

    def cancel(self, context: int) -> None:
        _check(self._scard.SCardCancel(context), "SCardCancel")


def name_of(code: int) -> str:
    """Return the specification's name, or the number in hex."""
    try:
        return Code(code).name.lower()
    except ValueError:
        return f"{code:#010x}"


def _check(code: int, call: str) -> None:
    if code:
        raise ScardError(_unsigned(code), call)


def _unsigned(code: int) -> int:
    return code & 0xFFFFFFFF  # pyscard gives some of them as signed 32-bit numbers


_: type[Scard] = PyScard
