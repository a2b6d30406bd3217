"""Who else uses cards on this computer now: told to people, never touched.

PC/SC says of a reader only that it is held, not by whom. Whoever talks to it has its library
loaded; other users' programs are not ours to look into, so the list may be short of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_LIBRARY: Final = "libpcsclite"
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
    try:
        from smartcard import scard
    except ImportError:
        return False
    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    if result != scard.SCARD_S_SUCCESS:
        return False
    try:
        result, readers = scard.SCardListReaders(context, [])
        if result != scard.SCARD_S_SUCCESS or not readers:
            return False
        asked = [(reader, scard.SCARD_STATE_UNAWARE) for reader in readers]
        result, states = scard.SCardGetStatusChange(context, _AT_ONCE, asked)
        return result == scard.SCARD_S_SUCCESS and any(
            state & scard.SCARD_STATE_EXCLUSIVE for _, state, _ in states
        )
    finally:
        scard.SCardReleaseContext(context)


def named() -> str | None:
    """Name the programs that use cards now, e.g. "scdaemon (4711)"; None when nobody can be seen.

    Without ourselves: this process, the agent that started it, and what else that has started.
    """
    ours = os.getppid()
    found = [
        f"{_name(pid)} ({pid})"
        for pid in _processes()
        if pid not in {os.getpid(), ours} and _parent(pid) != ours and uses_cards(pid)
    ]
    return ", ".join(found[:_SHOWN]) or None


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
