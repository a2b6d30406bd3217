"""The token worker as the agent runs it: a process over one module, asked through its channel."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from custode_drivers.channel import frames
from custode_drivers.testing.conformance.stack import Bench

DEADLINE_S: Final = 60.0
_END_S: Final = 5.0


class Refused(Exception):
    """The worker answered with an error: `code` and `data` as in `custode_drivers.api.errors`."""

    def __init__(self, code: str, data: dict[str, Any]) -> None:
        super().__init__(code, data)
        self.code: Final = code
        self.data: Final = data


class WorkerDied(Exception):
    """The worker ended in the middle of a call; what it said is in its log."""


class Worker:
    """One worker, started by its first call, and again by the first after its death."""

    def __init__(self, bench: Bench, log: Path) -> None:
        self._bench = bench
        self.log: Final = log
        self.deadline_s = DEADLINE_S
        """For each call."""
        self.starts = 0
        """How many processes there were: more than one means that one has crashed."""
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._calls = 0

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._process.pid if self._process is not None else None

    def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *secrets: bytes,
        fds: tuple[int, ...] = (),
    ) -> Any:
        """Ask for a method; each secret goes through a pipe, before `fds`, which are closed.

        :raises Refused: as the worker answers
        :raises WorkerDied: when it does not, within `deadline_s` (seconds)
        """
        until_s = time.monotonic() + self.deadline_s
        pipes = (*(_pipe_with(secret) for secret in secrets), *fds)
        try:
            connection = self._running()
            self._calls += 1
            request = frames.Request(self._calls, method, dict(params or {}), len(pipes))
            data = frames.encode(request)
            connection.settimeout(self.deadline_s)
            sent = connection.sendmsg([data], frames.rights(pipes))
            connection.sendall(data[sent:])
        finally:
            frames.close_all(pipes)
        try:
            return self._answer(connection, until_s)
        except frames.RemoteError as exc:
            raise Refused(exc.code, exc.data) from exc
        except (OSError, frames.ChannelBroken) as exc:
            self.close(grace_s=0)
            raise WorkerDied(f"{method}: {exc!r}: {self._last_words()}") from exc

    def close(self, grace_s: float = _END_S) -> None:
        """End the process, by the end of its channel, and by force when that is not enough."""
        process, self._process = self._process, None
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        if process is None:
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace_s)
        with suppress(ProcessLookupError, PermissionError):  # and whatever it had started
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(_END_S)

    def _running(self) -> socket.socket:
        if self._connection is not None and self._process is not None:
            if self._process.poll() is None:
                return self._connection
            self.close()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        args = ("--init-args", self._bench.init_args) if self._bench.init_args else ()
        with theirs, self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *running_as(self._bench.uid),
                    *(sys.executable, "-m", "custode_drivers.pkcs11.worker"),
                    *("--module", str(self._bench.module), *args),
                    *("--channel-fd", str(theirs.fileno())),
                ],
                env={**os.environ, **self._bench.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._connection = ours
        self.starts += 1
        return ours

    def _answer(self, connection: socket.socket, until_s: float) -> Any:
        buffer, waiting = frames.FrameBuffer(), deque[frames.Received]()
        while not waiting:
            connection.settimeout(max(0.01, until_s - time.monotonic()))
            data, fds = frames.receive_some(connection)
            if not data:
                raise frames.ChannelBroken("it ended")
            buffer.feed(data, fds)
            waiting.extend(buffer.frames())
        received = waiting.popleft()
        frames.close_all(received.fds)
        if waiting or not isinstance(received.frame, frames.Answer):
            raise frames.ChannelBroken("it spoke out of turn")
        if received.frame.id != self._calls:
            raise frames.ChannelBroken("it answered something else")
        return received.frame.value()

    def _last_words(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]


def running_as(uid: int | None) -> tuple[str, ...]:
    """Return what to put before a command, to run as that user with root's right to every file."""
    if uid is None:
        return ()
    keeps = ("--inh-caps", "+dac_override", "--ambient-caps", "+dac_override")
    return ("setpriv", "--reuid", str(uid), *keeps)


def _pipe_with(secret: bytes) -> int:
    """Return the read end of a pipe that holds a secret and has ended."""
    reading, writing = os.pipe()
    try:
        os.write(writing, secret)
    finally:
        os.close(writing)
    return reading
