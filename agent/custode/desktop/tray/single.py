"""One tray a person: whoever comes second finds the place taken."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from custode.paths import Paths


@contextmanager
def place(paths: Paths) -> Iterator[bool]:
    """Hold the place while in `with`; gives False when another program holds it."""
    lock = os.open(paths.run / "tray.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(lock)
