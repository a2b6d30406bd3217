"""Frames between the daemon and its children, and the child's blocking end.

A frame is a 4-byte big-endian length and a msgpack map, on a Unix stream socket. Descriptors travel
with the first byte of the frame that names them (`"fds": n`; unix(7), SCM_RIGHTS).

    request   {"id", "method", "params", "fds"}      daemon → child, one at a time
    answer    {"id", "result" | "error", "fds"}      either way: closes a request or a callback
    callback  {"id", "call", "params", "fds"}        child → daemon while a request is open

ChannelError
 ├─ ChannelBroken   bytes that are no frame, or an end that is gone
 └─ RemoteError     the other side answered with an error: code and data
"""

from __future__ import annotations

import array
import os
import socket
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NoReturn

import msgspec

MAX_FRAME: Final = 16 * 1024 * 1024
MAX_FDS: Final = 16
_CHUNK: Final = 65536
_HEADER: Final = 4
# Linux marks received descriptors close-on-exec at once; elsewhere they are marked one by one.
_RECEIVE_FLAGS: Final[int] = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class ChannelError(Exception):
    """A channel to or from a child failed."""


class ChannelBroken(ChannelError):
    """Bytes that are no frame, or an end that is gone. Nothing can be said on it any more."""


class RemoteError(ChannelError):
    """The other side answered with an error."""

    def __init__(self, code: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(code, data or {})
        self.code: Final = code
        self.data: Final[dict[str, Any]] = data or {}


class Failure(msgspec.Struct, frozen=True):
    """The `error` of an answer."""

    code: str
    data: dict[str, Any] = {}


class Request(msgspec.Struct, frozen=True):
    """The daemon asks for a method."""

    id: int
    method: str
    params: dict[str, Any] = {}
    fds: int = 0


class Callback(msgspec.Struct, frozen=True):
    """The child asks the daemon, while a request is open."""

    id: int
    call: str
    params: dict[str, Any] = {}
    fds: int = 0


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of a request or a callback; an error stands instead of a result."""

    id: int
    result: Any = None
    error: Failure | None = None
    fds: int = 0

    def value(self) -> Any:
        """Return the result. :raises RemoteError: when the answer is an error."""
        if self.error is not None:
            raise RemoteError(self.error.code, self.error.data)
        return self.result


Frame = Request | Callback | Answer


class Received(msgspec.Struct, frozen=True):
    """A frame with its descriptors, which now belong to the receiver."""

    frame: Frame
    fds: tuple[int, ...]


def encode(frame: Frame) -> bytes:
    """Return the frame as it goes over the socket.

    :raises ChannelBroken: when it is longer than MAX_FRAME or names more than MAX_FDS descriptors.
    """
    body = msgspec.msgpack.encode(frame)
    if len(body) > MAX_FRAME or frame.fds > MAX_FDS:
        raise ChannelBroken(f"a frame of {len(body)} bytes and {frame.fds} descriptors")
    return len(body).to_bytes(_HEADER, "big") + body


def decode(body: bytes | bytearray) -> Frame:
    """Read the map of one frame. :raises ChannelBroken: when it is none of the three."""
    try:
        fields = msgspec.msgpack.decode(body, type=dict[str, Any])
        kind: type[Frame] = (
            Request if "method" in fields else Callback if "call" in fields else Answer
        )
        frame = msgspec.convert(fields, kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise ChannelBroken("not a frame") from exc
    if not 0 <= frame.fds <= MAX_FDS:
        raise ChannelBroken(f"{frame.fds} descriptors named")
    return frame


class FrameBuffer:
    """Puts frames together from what arrives. No I/O: whoever reads the socket feeds it."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._fds: deque[int] = deque()

    def feed(self, data: bytes, fds: Iterable[int] = ()) -> None:
        """Take what one recvmsg() gave; the descriptors belong to the buffer from here on."""
        self._bytes += data
        self._fds.extend(fds)

    def frames(self) -> Iterator[Received]:
        """Yield what is complete. :raises ChannelBroken: at the first thing that is no frame."""
        while (received := self._take()) is not None:
            yield received

    def close(self) -> None:
        """Close the descriptors that no frame has claimed."""
        close_all(self._fds)
        self._fds.clear()
        self._bytes.clear()

    def _take(self) -> Received | None:
        if len(self._bytes) < _HEADER:
            return None
        end = _HEADER + int.from_bytes(self._bytes[:_HEADER], "big")
        if end - _HEADER > MAX_FRAME:
            raise ChannelBroken(f"a frame of {end - _HEADER} bytes announced")
        if len(self._bytes) < end:
            return None
        frame = decode(self._bytes[_HEADER:end])
        del self._bytes[:end]
        if frame.fds > len(self._fds):
            raise ChannelBroken(f"{frame.fds} descriptors named, {len(self._fds)} came")
        return Received(frame, tuple(self._fds.popleft() for _ in range(frame.fds)))


def rights(fds: Sequence[int]) -> list[tuple[int, int, array.array[int]]]:
    """Return the ancillary data that carries these descriptors, for socket.sendmsg()."""
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []


def receive_some(connection: socket.socket) -> tuple[bytes, list[int]]:
    """Do one recvmsg(); no bytes mean that the other end is gone.

    :raises ChannelBroken: when descriptors were lost on the way.
    """
    space = socket.CMSG_SPACE(MAX_FDS * array.array("i").itemsize)
    data, ancillary, flags, _ = connection.recvmsg(_CHUNK, space, _RECEIVE_FLAGS)
    fds = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    for fd in fds:
        os.set_inheritable(fd, False)
    if flags & socket.MSG_CTRUNC:
        close_all(fds)
        raise ChannelBroken("descriptors were lost")
    return data, list(fds)


def close_all(fds: Iterable[int]) -> None:
    """Close descriptors; one that is closed already is none of our business."""
    for fd in fds:
        try:
            os.close(fd)
        except OSError:
            continue


class ChildChannel:
    """The child's end: blocking, one request at a time.

    In a child: `channel = ChildChannel.from_fd(number)`, then `while request := channel.receive()`.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = FrameBuffer()
        self._waiting: deque[Received] = deque()
        self._calls = 0

    @classmethod
    def from_fd(cls, number: int) -> ChildChannel:
        """Take the descriptor given by `--channel-fd`; our own children do not inherit it."""
        connection = socket.socket(fileno=number)
        connection.setblocking(True)
        connection.set_inheritable(False)
        return cls(connection)

    def receive(self) -> tuple[Request, tuple[int, ...]] | None:
        """Wait for a request and its descriptors; None: the daemon is gone or wants us to end."""
        received = self._next()
        if received is None:
            return None
        if not isinstance(received.frame, Request):
            close_all(received.fds)
            raise ChannelBroken("an answer that nobody waits for")
        return received.frame, received.fds

    def answer(self, request_id: int, result: Any, fds: Sequence[int] = ()) -> None:
        """Answer a request. The descriptors stay open here: close them afterwards."""
        self._send(Answer(request_id, result, fds=len(fds)), fds)

    def fail(self, request_id: int, code: str, data: dict[str, Any] | None = None) -> None:
        """Answer a request with an error."""
        self._send(Answer(request_id, error=Failure(code, data or {})), ())

    def call(self, name: str, params: dict[str, Any] | None = None, fds: Sequence[int] = ()) -> Any:
        """Ask the daemon, while a request is open, and wait for its answer.

        :raises RemoteError: when the daemon answers with an error.
        :raises ChannelBroken: when it is gone, or answers something else.
        """
        result, extra = self.call_with_fds(name, params, fds)
        close_all(extra)
        return result

    def call_with_fds(
        self, name: str, params: dict[str, Any] | None = None, fds: Sequence[int] = ()
    ) -> tuple[Any, tuple[int, ...]]:
        """As `call`, for answers that carry descriptors; they belong to the caller."""
        self._calls += 1
        self._send(Callback(self._calls, name, params or {}, len(fds)), fds)
        received = self._next()
        if received is None:
            raise ChannelBroken("the daemon is gone")
        frame = received.frame
        if not isinstance(frame, Answer) or frame.id != self._calls or frame.error:
            close_all(received.fds)
        if not isinstance(frame, Answer) or frame.id != self._calls:
            raise ChannelBroken("not the answer to our call")
        return frame.value(), received.fds

    def close(self) -> None:
        """Let go of the socket and of descriptors nobody claimed."""
        for received in self._waiting:
            close_all(received.fds)
        self._waiting.clear()
        self._buffer.close()
        self._connection.close()

    def _next(self) -> Received | None:
        while not self._waiting:
            try:
                data, fds = receive_some(self._connection)
            except ConnectionError:
                return None
            if not data:
                return None
            self._buffer.feed(data, fds)
            self._waiting.extend(self._buffer.frames())
        return self._waiting.popleft()

    def _send(self, frame: Frame, fds: Sequence[int]) -> None:
        data = memoryview(encode(frame))
        try:
            sent = self._connection.sendmsg([data], rights(fds))
            if sent < len(data):  # an empty send fails once the daemon, content, is gone
                self._connection.sendall(data[sent:])
        except OSError as exc:
            self._broken(exc)

    @staticmethod
    def _broken(cause: OSError) -> NoReturn:
        raise ChannelBroken("the daemon is gone") from cause
