"""A secret on its way from the person to the worker: bytes, never str, wiped after use."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

MAX_BYTES: Final = 1024


class TooLong(Exception):
    """More than MAX_BYTES: that is no PIN and no password."""


class Secret:
    """At most MAX_BYTES bytes in one buffer that never moves, so that wiping it leaves no copy."""

    __slots__ = ("_buffer", "_length")

    def __init__(self) -> None:
        self._buffer = bytearray(MAX_BYTES)
        self._length = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.wipe()

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        return "<Secret>"

    def view(self) -> memoryview:
        """Its bytes where they are; released by the caller before the next change of the secret."""
        return memoryview(self._buffer)[: self._length]

    def append(self, byte: int) -> None:
        """Add one byte.

        :raises TooLong: when the buffer is full
        """
        if self._length == MAX_BYTES:
            raise TooLong
        self._buffer[self._length] = byte
        self._length += 1

    def read_from(self, descriptor: int) -> None:
        """Read until the end of `descriptor`, straight into the buffer.

        :raises TooLong: when there is more than MAX_BYTES
        :raises OSError: when it cannot be read
        """
        while self._length < MAX_BYTES:
            view = memoryview(self._buffer)[self._length :]
            count = os.readv(descriptor, [view])
            view.release()
            if not count:
                return
            self._length += count
        if os.read(descriptor, 1):
            raise TooLong

    def drop_last_character(self) -> None:
        """Take back the last UTF-8 character, as the backspace key does (RFC 3629 §3)."""
        while self._length:
            self._length -= 1
            byte, self._buffer[self._length] = self._buffer[self._length], 0
            if byte & 0xC0 != 0x80:  # noqa: PLR2004 - RFC 3629 §3: 10xxxxxx continues a character
                return

    def drop_newline(self) -> None:
        """Take off one line end: LF or CR LF."""
        for end in b"\n\r":
            if self._length and self._buffer[self._length - 1] == end:
                self._length -= 1
                self._buffer[self._length] = 0

    def clear(self) -> None:
        """Empty it, to be filled again."""
        self.wipe()

    def equals(self, other: Secret) -> bool:
        """Compare with what was typed the second time, in a time that tells nothing of either.

        Both buffers are compared whole: behind its end each holds zeros.
        """
        from hmac import compare_digest  # loads OpenSSL: only where two are compared

        return compare_digest(self._buffer, other._buffer) and self._length == len(other)

    def replace(self, start: int, end: int, content: Sequence[int]) -> bool:
        """Put `content` where the bytes `start` to `end` are; False, and nothing done: no room.

        The bytes behind move within the buffer; what is left behind them is zeros.
        """
        length = self._length - (end - start) + len(content)
        if length > MAX_BYTES:
            return False
        with memoryview(self._buffer) as whole, whole[end : self._length] as behind:
            into = start + len(content)
            with whole[into : into + len(behind)] as place:
                place[:] = behind  # memmove: they may overlap
        for at, byte in enumerate(content, start):
            self._buffer[at] = byte
        for at in range(length, self._length):
            self._buffer[at] = 0
        self._length = length
        return True

    def into_pipe(self) -> int:
        """Put a copy into a pipe and give its read end, which the caller closes.

        A pipe takes far more than MAX_BYTES without a reader (pipe(7)), so this never waits.
        """
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        try:
            with memoryview(self._buffer) as view, view[: self._length] as content:
                os.write(write_end, content)
        except OSError:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        return read_end

    def wipe(self) -> None:
        """Overwrite the whole buffer."""
        self._buffer[:] = bytes(MAX_BYTES)
        self._length = 0
