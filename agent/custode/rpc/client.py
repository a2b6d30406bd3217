"""The agent's client for programs that do one thing at a time: command line, demo, tray.

    with AgentClient.connect() as agent:
        rows = agent.call("token.list")
        agent.call("token.init", {"label": "L"}, on_secret=ask, on_event=show)

Imports little: `custode status` has to be quick.
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from custode.error_codes import ErrorCode
from custode.errors import CustodeError, from_rpc
from custode.rpc.lock import is_locked
from custode.rpc.secret_line import send_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from custode.paths import Paths

PROTOCOL: Final = 1
START_DEADLINE_S: Final = 15.0
CALL_DEADLINE_S: Final = 900.0
HELLO_DEADLINE_S: Final = 10.0
_CHUNK: Final = 1 << 16


class WantedSecret(NamedTuple):
    """What the agent asks for.

    `kind` as in the contract (token_pin, so_pin, …); `token` {"serial", "label"} or None;
    `attempts_remaining` None when the token does not tell; `why` is an English msgid; `pinentry`
    the program to ask with (empty or `tty`: the terminal), `seconds` how long the agent waits.
    """

    id: str
    kind: str
    token: dict[str, Any] | None
    attempts_remaining: int | None
    why: str
    pinentry: str
    seconds: float


if TYPE_CHECKING:
    # Gives the read end of a pipe with the secret; it is sent and closed here. Raises CustodeError
    # (CANCELLED, USAGE, …) to refuse: the agent is told, and `call` raises the same error.
    OnSecret = Callable[[WantedSecret], int]
    OnEvent = Callable[[str, dict[str, Any]], None]  # method ("progress", "event"), params


class AgentClient:
    """One connection to the agent."""

    def __init__(self, connection: socket.socket, paths: Paths) -> None:
        self._socket = connection
        self._paths = paths
        self._buffer = bytearray()
        self._early: deque[dict[str, Any]] = deque()  # notifications nobody has taken yet
        self._last_id = 0
        self.agent: dict[str, Any] = {}  # {"protocol", "version", "pid"}

    @classmethod
    def connect(
        cls,
        paths: Paths | None = None,
        *,
        name: str = "custode",
        start: bool = True,
        deadline_s: float = START_DEADLINE_S,
        hello_s: float = HELLO_DEADLINE_S,
    ) -> Self:
        """Connect and say hello, starting the agent when it does not run and `start` is set.

        Where a service manager listens for the agent, connecting is what starts it.

        `deadline_s` is for its start, `hello_s` for its answer to the hello.
        :raises CustodeError: AGENT_UNAVAILABLE, PROTOCOL_MISMATCH
        """
        if paths is None:
            from custode.paths import Paths as AllPaths

            paths = AllPaths.find()
        runs = is_locked(paths)
        client = cls(_reached(paths, deadline_s, start=start, runs=runs), paths)
        # One that a service manager starts answers when it is up.
        wait_s = hello_s if runs else max(hello_s, deadline_s)
        try:
            client._greet(name, wait_s)
        except CustodeError as error:
            if not start or error.code is not ErrorCode.AGENT_UNAVAILABLE:
                raise
            # It had taken the connection while it was ending; nothing was said yet.
            client = cls(_reached(paths, deadline_s, start=True, runs=is_locked(paths)), paths)
            client._greet(name, max(hello_s, deadline_s))
        return client

    def _greet(self, name: str, deadline_s: float) -> None:
        try:
            hello = {"protocol": PROTOCOL, "client": name}
            self.agent = self.call("hello", hello, deadline_s=deadline_s)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up: what waits for this client ends, what works goes on."""
        self._socket.close()

    def hang_up(self) -> None:
        """Hang up from another thread: whoever waits here gets AGENT_DIED, and closes."""
        with suppress(OSError):  # the agent was first
            self._socket.shutdown(socket.SHUT_RDWR)

    def fileno(self) -> int:
        """What select(2) waits on for the agent to say something."""
        return self._socket.fileno()

    def call(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        on_secret: OnSecret | None = None,
        on_event: OnEvent | None = None,
        deadline_s: float = CALL_DEADLINE_S,
    ) -> Any:
        """Call a method and wait for its answer, serving what the agent asks meanwhile.

        The deadline starts anew with everything the agent sends: it is for silence.
        :raises CustodeError: what the agent answers; TIMED_OUT; AGENT_DIED when it ended meanwhile
        """
        self._last_id += 1
        call = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params or {}}
        self._send(json.dumps(call).encode() + b"\n")
        refusal: CustodeError | None = None
        while True:
            message = self._receive(deadline_s)
            if message is None:
                raise CustodeError(ErrorCode.TIMED_OUT, what="agent", seconds=int(deadline_s))
            if "method" in message:
                try:
                    self._notified(message, on_secret, on_event)
                except CustodeError as exc:
                    refusal = exc
                continue
            if message.get("id") not in {self._last_id, None}:
                continue  # the answer to a call that was given up
            if "error" in message:
                raise refusal or from_rpc(message["error"])
            return message.get("result")

    def subscribe(self, params: dict[str, Any] | None = None) -> None:
        """Ask for events; then read them with `events` or `next_event`."""
        self.call("subscribe", params)

    def events(self, silence_s: float | None = None) -> Iterator[dict[str, Any]]:
        """Events as they happen: {"name", …}; ends when the agent ends or after `silence_s`."""
        with suppress(CustodeError):
            while (event := self.next_event(silence_s)) is not None:
                yield event

    def next_event(self, silence_s: float | None = None) -> dict[str, Any] | None:
        """Wait for the next event; None after `silence_s` of silence.

        :raises CustodeError: AGENT_DIED
        """
        while True:
            message = self._early.popleft() if self._early else self._receive(silence_s)
            if message is None:
                return None
            if message.get("method") == "event":
                event: dict[str, Any] = message["params"]
                return event

    def _notified(
        self, message: dict[str, Any], on_secret: OnSecret | None, on_event: OnEvent | None
    ) -> None:
        params = message.get("params") or {}
        if message["method"] == "secret.wanted":
            self._answer_secret(WantedSecret(**params), on_secret)
        elif on_event is not None:
            on_event(message["method"], params)
        else:
            self._early.append(message)

    def _answer_secret(self, wanted: WantedSecret, on_secret: OnSecret | None) -> None:
        try:
            if on_secret is None:
                raise CustodeError(ErrorCode.CANCELLED)
            fd = on_secret(wanted)
        except BaseException:
            # Also Ctrl-C: the agent must not go on waiting for us.
            send_secret(self._paths.secrets_socket, wanted.id, None)
            raise
        send_secret(self._paths.secrets_socket, wanted.id, fd)

    def _send(self, line: bytes) -> None:
        try:
            self._socket.sendall(line)
        except OSError as exc:
            raise self._died() from exc

    def _receive(self, deadline_s: float | None) -> dict[str, Any] | None:
        """Next message; None when nothing came in time.

        :raises CustodeError: AGENT_DIED when the agent hung up
        """
        until = None if deadline_s is None else time.monotonic() + deadline_s
        while (end := self._buffer.find(b"\n")) < 0:
            left = None if until is None else max(0.0, until - time.monotonic())
            if not select.select([self._socket], [], [], left)[0]:
                return None
            try:
                chunk = self._socket.recv(_CHUNK)
            except OSError as exc:
                raise self._died() from exc
            if not chunk:
                raise self._died()
            self._buffer += chunk
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        message = json.loads(line)
        if not isinstance(message, dict):
            raise self._died()
        return message

    def _died(self) -> CustodeError:
        """What to say of an agent that hung up: one that had said hello was working for us."""
        code = ErrorCode.AGENT_DIED if self.agent else ErrorCode.AGENT_UNAVAILABLE
        return CustodeError(code, log=str(self._paths.log))


def _reached(paths: Paths, deadline_s: float, *, start: bool, runs: bool) -> socket.socket:
    connection = dial(paths) if start or runs else None
    if connection is not None:
        return connection
    if not start:
        raise CustodeError(ErrorCode.AGENT_UNAVAILABLE, log=str(paths.log))
    from custode.rpc.starting import start_agent

    return start_agent(paths, dial, deadline_s)


def dial(paths: Paths) -> socket.socket | None:
    """Connect to a running agent; None when none listens.

    :raises CustodeError: when the sockets' folder, or who listens there, is somebody else's
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(paths.agent_socket))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except OSError as exc:
        connection.close()
        raise CustodeError(ErrorCode.AGENT_UNAVAILABLE, log=str(paths.log)) from exc
    try:
        paths.check_run()
    except CustodeError:
        connection.close()
        raise
    return connection
