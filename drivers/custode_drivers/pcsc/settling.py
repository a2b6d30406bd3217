"""Wait for what the reader service is about to learn: a command failed because its card went."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from custode_drivers.pcsc.scard import CHANGED, UNAWARE, LibraryMissing, PyScard, Row, ScardError

_AT_ONCE: Final = 0  # ms


def changes(within_s: float) -> bool:
    """Wait until any reader shows something else than now; False when the time is up.

    False too where the service tells nothing: then there is nothing to wait for.
    """
    try:
        pcsc = PyScard()
        context = pcsc.establish()
    except (LibraryMissing, ScardError):
        return False
    try:
        rows = [Row(name, UNAWARE) for name in pcsc.readers(context)]
        if not rows:
            return False
        now = pcsc.wait(context, rows, _AT_ONCE)
        asked = [Row(row.name, row.state & ~CHANGED) for row in now]
        pcsc.wait(context, asked, int(within_s * 1000))
    except ScardError:
        return False
    finally:
        with suppress(ScardError):
            pcsc.release(context)
    return True
