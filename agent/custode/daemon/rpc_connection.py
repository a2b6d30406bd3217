"""One client's connection: what the agent may say to it, and when it is gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from custode.error_codes import ErrorCode
from custode.errors import CustodeError

_BACKLOG_MAX: Final = 4 << 20  # bytes: a client that does not read is hung up on

T = TypeVar("T")


class Connection:
    """Sends lines; knows whether its client hung up."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._gone = asyncio.Event()  # the client hung up
        self._idle = asyncio.Event()  # nothing may wait for the client any more
        self.client = ""  # what `hello` said it is
        self.subscribed = False
        self.notifies = False  # it shows desktop notifications
        self.calls: set[asyncio.Task[None]] = set()

    @property
    def greeted(self) -> bool:
        return bool(self.client)

    @property
    def gone(self) -> bool:
        return self._gone.is_set()

    async def wait_gone(self) -> None:
        """Return when the client has hung up, or the agent stops."""
        await self._idle.wait()

    def hung_up(self) -> None:
        """Note that the client is gone; wakes up everything that waits for it."""
        self._gone.set()
        self._idle.set()

    def stop_waiting(self) -> None:
        """Wake up everything that waits for the client, which can still be answered."""
        self._idle.set()

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification (JSON-RPC 2.0 §4.1); to a client that is gone it does nothing."""
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one line."""
        if self.gone or self._writer.is_closing():
            return
        self._writer.write(msgspec.json.encode(message) + b"\n")
        if self._writer.transport.get_write_buffer_size() > _BACKLOG_MAX:
            self.abort()

    async def finish(self) -> None:
        """Send what is still to be sent, then hang up."""
        self._idle.set()
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def abort(self) -> None:
        """Hang up at once."""
        self.hung_up()
        self._writer.transport.abort()

    async def unless_gone(self, work: Awaitable[T]) -> T:
        """Wait for `work` while the client is there.

        :raises CustodeError: CANCELLED when it hangs up; `work` is cancelled then
        """
        task = asyncio.ensure_future(work)
        gone = asyncio.ensure_future(self.wait_gone())
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise CustodeError(ErrorCode.CANCELLED)
            return task.result()
        finally:
            gone.cancel()
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
