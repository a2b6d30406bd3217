"""JSON-RPC 2.0 over a Unix socket, one object a line of at most 1 MiB.

- The first call is `hello {"protocol": 1, "client": …}`; before it everything else is refused.
- Calls of one connection run beside each other; notifications go in between.
- A client that hangs up does not stop what it began: a call half-way through its effects goes on
  to its end (journaled, and known to the next client). What hanging up ends is the waiting: for a
  secret (it counts as cancelled), and whatever a procedure wrapped into `client.unless_gone`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

import msgspec

from custode import peer
from custode.daemon.rpc_connection import Connection
from custode.error_codes import ErrorCode
from custode.errors import CustodeError, to_rpc
from custode.release import VERSION

PROTOCOL: Final = 1
LINE_MAX: Final = 1 << 20
_FLUSH_S: Final = 1.0
CALLS_MAX: Final = 32  # at a time, of one connection

# JSON-RPC 2.0 §5.1
PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602

Handler = Callable[[Connection, dict[str, Any]], Awaitable[Any]]
RpcId = int | str | None

_log = logging.getLogger(__name__)


class OnFace(Protocol):
    """Hears of a connection that shows notifications; its number is its own while it is there."""

    def __call__(self, face: int, *, here: bool) -> None: ...


def _nobody_asks(face: int, *, here: bool) -> None:
    """Nobody wants to know."""


class InvalidParams(Exception):
    """The params of a call are not what the method takes."""


class _Refused(Exception):
    """A line that is no call."""

    def __init__(self, code: int, text: str, rpc_id: RpcId = None) -> None:
        super().__init__(text)
        self.code = code
        self.rpc_id = rpc_id


class RpcServer:
    """Serves `methods`; `error_log` is where an unknown failure's trace can be read."""

    def __init__(
        self,
        methods: Mapping[str, Handler],
        error_log: str = "",
        on_face: OnFace = _nobody_asks,
    ) -> None:
        self._methods = methods
        self._on_face = on_face
        self._error_log = error_log
        self._connections: set[Connection] = set()
        self._calls: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, listener: socket.socket) -> None:
        """Serve a listening Unix socket; its file is whoever's who made it."""
        # From 3.13 asyncio takes the file away, also that of the service manager.
        kept: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listener, limit=LINE_MAX, **kept
        )

    async def close(self, grace_s: float = 3.0) -> None:
        """Take no more calls, give the running ones `grace_s`, then cancel them and hang up."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.stop_waiting()
        if self._calls:
            _, late = await asyncio.wait(self._calls, timeout=grace_s)
            for call in late:
                call.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        connections = list(self._connections)
        if connections:
            await asyncio.wait(
                [asyncio.ensure_future(connection.finish()) for connection in connections],
                timeout=_FLUSH_S,
            )
        for connection in connections:
            connection.abort()

    def announce(self, name: str, params: Mapping[str, Any]) -> None:
        """Send an `event` notification to every subscriber."""
        for connection in self._connections:
            if connection.subscribed:
                connection.notify("event", {"name": name, **params})

    @property
    def subscribers(self) -> int:
        return sum(connection.subscribed for connection in self._connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(writer)
        self._connections.add(connection)
        try:
            if not peer.is_ours(writer.get_extra_info("socket")):
                connection.send(_error(None, INVALID_REQUEST, "this agent serves another user"))
                return
            while (line := await _read_line(reader)) is not None:
                self._take(connection, line)
        except _Refused as exc:
            connection.send(_error(None, exc.code, str(exc)))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            connection.hung_up()
            self._connections.discard(connection)
            if connection.notifies:
                self._on_face(id(connection), here=False)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _take(self, connection: Connection, line: bytes) -> None:
        """Start the call that a line asks for, or answer why not."""
        try:
            rpc_id, method, params = _parse(line)
        except _Refused as exc:
            connection.send(_error(exc.rpc_id, exc.code, str(exc)))
            return
        if len(connection.calls) >= CALLS_MAX:
            connection.send(_error(rpc_id, INVALID_REQUEST, "too many calls at a time"))
            return
        call = asyncio.ensure_future(self._answer(connection, rpc_id, method, params))
        for calls in (self._calls, connection.calls):
            calls.add(call)
            call.add_done_callback(calls.discard)

    async def _answer(
        self, connection: Connection, rpc_id: RpcId, method: str, params: dict[str, Any]
    ) -> None:
        """Run one call and send its answer (none for a notification, §4.1)."""
        try:
            result = await self._call(connection, method, params)
            answer = {"jsonrpc": "2.0", "id": rpc_id, "result": result}
        except CustodeError as exc:
            if exc.code is ErrorCode.FAILED:
                exc.data.setdefault("log", self._error_log)
            answer = {"jsonrpc": "2.0", "id": rpc_id, "error": to_rpc(exc)}
        except _Refused as exc:
            answer = _error(rpc_id, exc.code, str(exc))
        except InvalidParams as exc:
            answer = _usage(rpc_id, f"{method}: {exc}")
        except asyncio.CancelledError:
            stopping = CustodeError(ErrorCode.AGENT_STOPPING)
            connection.send({"jsonrpc": "2.0", "id": rpc_id, "error": to_rpc(stopping)})
            raise
        except Exception:  # noqa: BLE001 - a client must get an answer
            # The trace goes into the log only; what a person is told names the log.
            _log.exception("%s failed", method)
            failed = CustodeError(ErrorCode.FAILED, log=self._error_log)
            answer = {"jsonrpc": "2.0", "id": rpc_id, "error": to_rpc(failed)}
        if rpc_id is not None:
            connection.send(answer)

    async def _call(self, connection: Connection, method: str, params: dict[str, Any]) -> Any:
        if method == "hello":
            return _hello(connection, params)
        if not connection.greeted:
            raise _Refused(INVALID_REQUEST, "the first call is hello")
        if method == "subscribe":
            return self._subscribe(connection, params)
        handler = self._methods.get(method)
        if handler is None:
            raise _Refused(METHOD_NOT_FOUND, f"no method {method}")
        return await handler(connection, params)

    def _subscribe(self, connection: Connection, params: dict[str, Any]) -> bool:
        """Send it events from now on; with `notifies` it also shows desktop notifications."""
        notifies = params.get("notifies", False)
        if not isinstance(notifies, bool):
            raise InvalidParams("notifies is true or false")
        connection.subscribed = True
        if notifies != connection.notifies:
            connection.notifies = notifies
            self._on_face(id(connection), here=notifies)
        return True


def _hello(connection: Connection, params: dict[str, Any]) -> dict[str, Any]:
    theirs, client = params.get("protocol"), params.get("client")
    if theirs != PROTOCOL:
        raise CustodeError(ErrorCode.PROTOCOL_MISMATCH, ours=PROTOCOL, theirs=theirs)
    if not isinstance(client, str) or not client:
        raise InvalidParams("client has to name the program that calls")
    connection.client = client
    return {"protocol": PROTOCOL, "version": VERSION, "pid": os.getpid()}


async def _read_line(reader: asyncio.StreamReader) -> bytes | None:
    """Read the next line; None at the end.

    :raises _Refused: when it is too long; what follows it cannot be told apart any more
    """
    try:
        return await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError as exc:
        raise _Refused(INVALID_REQUEST, f"a line is longer than {LINE_MAX} bytes") from exc
    except asyncio.IncompleteReadError:
        return None  # half a line is no call


def _parse(line: bytes) -> tuple[RpcId, str, dict[str, Any]]:
    """Read one call.

    :raises _Refused: PARSE_ERROR, INVALID_REQUEST or INVALID_PARAMS
    """
    try:
        call = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise _Refused(PARSE_ERROR, "not JSON") from exc
    if not isinstance(call, dict):
        raise _Refused(INVALID_REQUEST, "one object a line is expected")
    rpc_id = call.get("id")
    if isinstance(rpc_id, bool) or not isinstance(rpc_id, int | str | None):
        raise _Refused(INVALID_REQUEST, "id is a number or a string")
    if call.get("jsonrpc") != "2.0":
        raise _Refused(INVALID_REQUEST, "jsonrpc has to be 2.0", rpc_id)
    method = call.get("method")
    if not isinstance(method, str):
        raise _Refused(INVALID_REQUEST, "method is missing", rpc_id)
    params = call.get("params", {})
    if not isinstance(params, dict):
        raise _Refused(INVALID_PARAMS, "params have to be named", rpc_id)
    return rpc_id, method, params


def _usage(rpc_id: RpcId, what: str) -> dict[str, Any]:
    """Invalid params with the member of our own errors, so that a face can tell them too."""
    member = {**to_rpc(CustodeError(ErrorCode.USAGE, what=what)), "code": INVALID_PARAMS}
    return {"jsonrpc": "2.0", "id": rpc_id, "error": member}


def _error(rpc_id: RpcId, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": rpc_id, "error": {"code": code, "message": message}}
