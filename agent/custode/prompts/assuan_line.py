"""Lines of the Assuan protocol, for both of its ends (Assuan manual; libgpg-error's codes).

What carries a secret goes from buffer to buffer and is wiped there: it is never a str, and never a
`bytes` that the garbage collector would keep.
"""

from __future__ import annotations

import os
import select
import time
from itertools import islice
from typing import Final

from custode.locale.printable import printable
from custode.prompts.secret import MAX_BYTES, Secret

LINE_MAX: Final = 1000  # Assuan manual, "Server responses": octets without the line end
TIMEOUT, CANCELED, NOT_CONFIRMED = 62, 99, 114  # gpg-error codes
_ESCAPED: Final = b"%\r\n"
_HEX: Final = b"0123456789ABCDEF"


def escape(text: str) -> str:
    """Percent-escape what would break the line (Assuan manual, "Client requests")."""
    return "".join(c if c not in "%\r\n" else f"%{ord(c):02X}" for c in printable(text))


def unescape_into(secret: Secret, line: bytearray, start: int, end: int) -> None:
    """Put `line[start:end]` into `secret`, decoding %XX.

    :raises TooLong: when it does not fit
    :raises ValueError: when a % is followed by something else
    """
    at = start
    while at < end and len(secret) < MAX_BYTES + 1:
        if line[at] == ord("%"):
            secret.append(int(line[at + 1 : min(at + 3, end)], 16))
            at += 3
        else:
            secret.append(line[at])
            at += 1


def send_secret(
    descriptor: int, secret: Secret, prefix: bytes = b"D ", most: int = MAX_BYTES
) -> None:
    """Write the lines that carry the first `most` bytes of `secret`; each begins with `prefix`.

    :raises OSError: when nobody reads any more
    """
    line = bytearray(LINE_MAX + 1)
    line[: len(prefix)] = prefix
    used = len(prefix)
    try:
        with secret.view() as content:
            for byte in islice(content, most):
                if used > LINE_MAX - len("%25"):
                    _write_line(descriptor, line, used)
                    used = len(prefix)
                if byte in _ESCAPED:
                    line[used], line[used + 1] = ord("%"), _HEX[byte >> 4]
                    byte, used = _HEX[byte & 15], used + 2  # noqa: PLW2901 - the last of the three
                line[used] = byte
                used += 1
        if used > len(prefix):
            _write_line(descriptor, line, used)
    finally:
        line[:] = bytes(len(line))


def _write_line(descriptor: int, line: bytearray, used: int) -> None:
    line[used] = ord("\n")
    with memoryview(line) as view:
        at = 0
        while at <= used:
            with view[at : used + 1] as rest:
                at += os.write(descriptor, rest)


def read_line(descriptor: int, line: bytearray, deadline: float | None) -> int | None:
    """Read one line into `line`, byte by byte; gives its length, None at the end of the stream.

    `deadline` is of `time.monotonic`; None: until the other end closes.
    Byte by byte, so that no buffer holds what comes after.
    :raises TimeoutError: when it has passed
    :raises ValueError: when the line is longer than `line`
    """
    for at in range(len(line)):
        wait_s = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not select.select([descriptor], [], [], wait_s)[0]:
            raise TimeoutError
        with memoryview(line)[at : at + 1] as place:
            if not os.readv(descriptor, [place]):
                return None
        if line[at] == ord("\n"):
            return at
    raise ValueError("line too long")
