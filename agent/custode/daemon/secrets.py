"""Secrets arrive here as descriptors, and are never read here.

`secrets.sock`: a client sends one line, `{"id": …}` with the read end of a pipe beside it
(SCM_RIGHTS, unix(7)), or `{"id": …, "cancelled": true}`, and gets one line back: `{"ok": true}` or
`{"error": "…"}`. The id is the one of the `secret.wanted` that the client was sent: random, used
once. Every descriptor that is not handed over to whoever waits is closed.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import fcntl
import logging
import os
import secrets
import socket
import stat
from typing import TYPE_CHECKING, Any, Final

import msgspec

from custode import peer
from custode.daemon.rpc_connection import Connection
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

if TYPE_CHECKING:
    from custode.daemon.config import PromptSettings
    from custode.daemon.context import SecretWanted

_LINE_MAX: Final = 4096
_FDS_MAX: Final = 4  # one is right; room to receive, and close, what is too many
_ANSWER_S: Final = 10.0  # a client that connected has this long to send its line

_log = logging.getLogger(__name__)


class _Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    cancelled: bool = False


class SecretsServer:
    """Waits for secrets; one `want` a secret."""

    def __init__(self) -> None:
        self._wanted: dict[str, asyncio.Future[int]] = {}
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, listener: socket.socket) -> None:
        """Serve a listening, non-blocking Unix socket."""
        self._listener = listener
        asyncio.get_running_loop().add_reader(listener, self._accept)

    async def close(self) -> None:
        """Stop listening; everything that is waited for ends as cancelled."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for waiting in list(self._wanted.values()):
            if not waiting.done():
                waiting.set_exception(CustodeError(ErrorCode.CANCELLED))

    async def want(
        self, connection: Connection, wanted: SecretWanted, prompts: PromptSettings
    ) -> int:
        """Ask the client for a secret; returns the read end of a pipe, the caller closes it.

        :raises CustodeError: CANCELLED by the person, or the client hung up; SECRET_UNANSWERED
            past the deadline
        """
        secret_id = secrets.token_urlsafe(16)
        waiting: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._wanted[secret_id] = waiting
        gone: asyncio.Future[None] = asyncio.ensure_future(connection.wait_gone())
        first: set[asyncio.Future[Any]] = {waiting, gone}
        try:
            connection.notify(
                "secret.wanted",
                {
                    "id": secret_id,
                    "kind": wanted.kind,
                    "token": wanted.token,
                    "attempts_remaining": wanted.attempts_remaining,
                    "why": wanted.why,
                    "pinentry": prompts.pinentry,
                    "seconds": prompts.secret_s,
                },
            )
            await asyncio.wait(first, timeout=prompts.secret_s, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
            if gone.done():
                raise CustodeError(ErrorCode.CANCELLED)
            connection.notify("secret.withdrawn", {"id": secret_id})
            seconds = int(prompts.secret_s)
            raise CustodeError(ErrorCode.SECRET_UNANSWERED, kind=wanted.kind, seconds=seconds)
        except asyncio.CancelledError:
            _close_result(waiting)
            raise
        finally:
            gone.cancel()
            waiting.cancel()
            del self._wanted[secret_id]

    def _accept(self) -> None:
        if self._listener is None:
            return
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        client.setblocking(False)
        task = asyncio.ensure_future(self._serve(client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: socket.socket) -> None:
        """Take one answer from one client."""
        fds: list[int] = []
        with client:
            try:
                if not peer.is_ours(client):
                    raise ValueError("another user")
                async with asyncio.timeout(_ANSWER_S):
                    line = await _receive(client, fds)
                self._hand_over(line, fds)
                reply: dict[str, Any] = {"ok": True}
            except (ValueError, OSError, TimeoutError, msgspec.DecodeError) as exc:
                _log.warning("secrets.sock: refused: %s", exc)
                reply = {"error": str(exc)}
            finally:
                for fd in fds:
                    os.close(fd)
            with contextlib.suppress(OSError):
                client.send(msgspec.json.encode(reply) + b"\n")

    def _hand_over(self, line: bytes, fds: list[int]) -> None:
        """Give the descriptor to whoever waits; `fds` keeps what is left to close."""
        answer = msgspec.json.decode(line, type=_Answer)
        waiting = self._wanted.get(answer.id)
        if waiting is None or waiting.done():
            raise ValueError("nobody waits for this secret")
        if answer.cancelled:
            waiting.set_exception(CustodeError(ErrorCode.CANCELLED))
            return
        if len(fds) != 1:
            raise ValueError("one descriptor is expected")
        if not _is_read_end_of_pipe(fds[0]):
            raise ValueError("the descriptor is not the read end of a pipe")
        waiting.set_result(fds.pop())


def _close_result(waiting: asyncio.Future[int]) -> None:
    """Close what came for somebody who does not wait any more."""
    if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
        os.close(waiting.result())


def _is_read_end_of_pipe(fd: int) -> bool:
    mode = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE
    return stat.S_ISFIFO(os.fstat(fd).st_mode) and mode == os.O_RDONLY


async def _receive(client: socket.socket, fds: list[int]) -> bytes:
    """Read one line and collect the descriptors beside it into `fds` (also when this raises)."""
    line = b""
    while not line.endswith(b"\n"):
        await _readable(client)
        space = socket.CMSG_SPACE(_FDS_MAX * array.array("i").itemsize)
        data, ancillary, flags, _ = client.recvmsg(_LINE_MAX, space, socket.MSG_CMSG_CLOEXEC)
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                received = array.array("i")
                received.frombytes(payload[: len(payload) - len(payload) % received.itemsize])
                fds.extend(received)
        if flags & socket.MSG_CTRUNC:
            raise ValueError("too many descriptors")
        line += data
        if not data or len(line) > _LINE_MAX:
            raise ValueError("one line of JSON is expected")
    return line


async def _readable(client: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(client, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(client)
