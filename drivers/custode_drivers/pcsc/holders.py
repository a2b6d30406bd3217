"""Who else uses cards on this computer now: told to people, never touched.

PC/SC says of a reader only that it is held, not by whom. Whoever talks to it has its library
loaded; other users' programs are not ours to look into, so the list may be short of them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from custode_drivers.pcsc.scard import (
    EXCLUSIVE,
    INUSE,
    PRESENT,
    UNAWARE,
    LibraryMissing,
    PyScard,
    Row,
    ScardError,
)

_LIBRARY: Final = "libpcsclite"
_SOCKET: Final = b"PCSCLITE_CSOCK_NAME="  # of pcsc-lite's library
_PROC: Final = Path("/proc")
_AT_ONCE: Final = 0  # ms: what is known now, without a wait
_SHOWN: Final = 5


def uses_cards(pid: int | str = "self") -> bool:
    """Whether a process has loaded the PC/SC library."""
    try:
        with (_PROC / str(pid) / "maps").open(errors="replace") as maps:
            return any(_LIBRARY in line for line in maps)
    except OSError:
        return False  # not there any more, or not ours to look into


def is_held() -> bool:
    """Whether some program holds a card for itself (SCARD_STATE_EXCLUSIVE, PC/SC part 5 §3.2.5)."""
    return any(state & EXCLUSIVE for _, state in _cards())


def in_transaction(patience_s: float = 0.5) -> bool:
    """Whether another program keeps a card that is shared in a transaction, for this long.

    PC/SC shows that to nobody: one has to wait for one's turn (SCardBeginTransaction, PC/SC part 5
    §3.2.3.2), without an end. So threads wait; they let go as soon as their turn comes. No card is
    connected to that nobody uses. Ask while no card is in use here.
    """
    waiting = [
        threading.Thread(target=_take_turn, args=(reader,), daemon=True)
        for reader, state in _cards()
        if state & INUSE
    ]
    for thread in waiting:
        thread.start()
    deadline = time.monotonic() + patience_s
    for thread in waiting:
        thread.join(max(0.0, deadline - time.monotonic()))
    return any(thread.is_alive() for thread in waiting)


def _cards() -> list[tuple[str, int]]:
    """Readers with a card in, and dwEventState of each; none where the service tells nothing."""
    try:
        pcsc = PyScard()
        context = pcsc.establish()
    except (LibraryMissing, ScardError):
        return []
    try:
        readers = [Row(name, UNAWARE) for name in pcsc.readers(context)]
        rows = pcsc.wait(context, readers, _AT_ONCE) if readers else []
    except ScardError:
        return []
    finally:
        with suppress(ScardError):
            pcsc.release(context)
    return [(row.name, row.state) for row in rows if row.state & PRESENT]


def _take_turn(reader: str) -> None:
    from smartcard import scard

    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    if result != scard.SCARD_S_SUCCESS:
        return
    shared, protocols = scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_ANY
    result, card, _ = scard.SCardConnect(context, reader, shared, protocols)
    if result == scard.SCARD_S_SUCCESS:
        if scard.SCardBeginTransaction(card) == scard.SCARD_S_SUCCESS:
            scard.SCardEndTransaction(card, scard.SCARD_LEAVE_CARD)
        scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)
    scard.SCardReleaseContext(context)


def named(ours: Collection[int] | None = None) -> str | None:
    """Name the programs that use cards now, e.g. "scdaemon (4711)"; None when nobody can be seen.

    Without ourselves: this process, `ours` (by default who started it: the agent), and whatever
    those have started.
    """
    left_out = {os.getppid()} if ours is None else {*ours, os.getpid()}
    found = [
        f"{_name(pid)} ({pid})"
        for pid in _processes()
        if pid not in {os.getpid(), *left_out}
        and _parent(pid) not in left_out
        and uses_cards(pid)
        and _service(pid) == _service("self")
    ]
    return ", ".join(found[:_SHOWN]) or None


def _service(pid: int | str) -> bytes:
    """The socket of the service that a process was told to talk to; empty: the usual one."""
    with suppress(OSError):
        for entry in (_PROC / str(pid) / "environ").read_bytes().split(b"\0"):
            if entry.startswith(_SOCKET):
                return entry
    return b""


def _processes() -> Iterator[int]:
    for entry in sorted(_PROC.iterdir(), key=lambda path: path.name):
        if entry.name.isdecimal():
            yield int(entry.name)


def _name(pid: int) -> str:
    try:
        text = (_PROC / str(pid) / "comm").read_text(errors="replace").strip()
    except OSError:
        return "?"
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _parent(pid: int) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        # proc(5): after the name, which may hold anything, come the state and the parent.
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
        return int(stat.rpartition(")")[2].split()[1])
    return None
