"""Secrets that come as the read end of a pipe: raw bytes until its end, wiped after use."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from custode_drivers.api.errors import SecretMissing

MAX_SECRET: Final = 1024
READ_S: Final = 10.0
"""Whoever holds the other end has written and closed it long before the descriptor came here."""


def wipe(secret: bytearray) -> None:
    """Overwrite a secret in place."""
    secret[:] = bytes(len(secret))


@contextmanager
def secret_from(
    fd: int, *, limit: int = MAX_SECRET, timeout_s: float = READ_S
) -> Iterator[bytearray]:
    """Read a secret until the end of the pipe and wipe it afterwards; `fd` stays open.

    :raises SecretMissing: when it is empty, longer than `limit` bytes, or does not come in time.
    """
    # Of full size from the start: growing it would leave copies behind.
    secret = bytearray(limit + 1)
    try:
        length = _fill(fd, secret, time.monotonic() + timeout_s)
        if not length:
            raise SecretMissing(why="empty")
        if length > limit:
            raise SecretMissing(why="too_long")
        del secret[length:]
        yield secret
    finally:
        wipe(secret)


def _fill(fd: int, secret: bytearray, until: float) -> int:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    length = 0
    with memoryview(secret) as view:
        while length < len(view):
            if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
                raise SecretMissing(why="timed_out")
            with view[length:] as rest:
                try:
                    count = os.readv(fd, [rest])
                except OSError as exc:
                    raise SecretMissing(why="unreadable") from exc
            if not count:
                break
            length += count
    return length
