"""The lock of an authority's folder: the one process that serves it holds it."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from custode_authority.errors import ServedAlready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from custode_authority.ca.home import Home


@contextmanager
def only_one(home: Home) -> Iterator[None]:
    """Hold the folder's lock: the kernel lets go of it whatever becomes of this process.

    :raises ServedAlready: when another process holds it.
    """
    with home.lock.open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise ServedAlready(f"{home.folder} is served by another process") from exc
        yield
