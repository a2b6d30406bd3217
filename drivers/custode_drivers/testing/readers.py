"""Cards put into virtual readers and pulled out, noticed by PC/SC when these return."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from custode_drivers.pcsc import scard
from custode_drivers.testing.pcscd import PcscDaemon
from custode_drivers.testing.vpcd import VirtualCard, VirtualReader

PATIENCE_MS: Final = 20_000


@functools.cache
def shared_runtime() -> Path:
    """Return the folder for the socket of every pcscd that this process uses, one after another.

    libpcsclite reads PCSCLITE_CSOCK_NAME once in a process's life: from here on it is set.
    """
    folder = Path(tempfile.mkdtemp(prefix="custode-pcsc-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ.update(PcscDaemon(runtime=folder).environment)
    return folder


def put(reader: VirtualReader, card: VirtualCard) -> None:
    """Put a card in."""
    reader.insert(card)
    shows(reader.name, card=True)


def pull(reader: VirtualReader) -> None:
    """Pull out what is in it."""
    reader.remove()
    shows(reader.name, card=False)


def shows(reader: str, *, card: bool) -> None:
    """Wait until PC/SC says that the reader holds a card, or none."""
    pcsc = scard.PyScard()
    context = pcsc.establish()
    try:
        row = scard.Row(reader, scard.UNAWARE)
        while bool(row.state & scard.PRESENT) != card or row.state == scard.UNAWARE:
            (row,) = pcsc.wait(context, [row], PATIENCE_MS)
    finally:
        pcsc.release(context)
