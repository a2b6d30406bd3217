"""One running child process and the daemon's end of its channel.

The end of the channel tells the end of the process, so that nothing polls and no thread waits.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final, Self

from custode_drivers.channel import frames

_REAP_S: Final = 5.0


class StartFailed(Exception):
    """The program could not be started."""


class ProcessGone(Exception):
    """The process ended, or what it says makes no sense; `by_itself`: nobody has to kill it."""

    def __init__(self, why: str, *, by_itself: bool = False) -> None:
        super().__init__(why)
        self.by_itself: Final = by_itself


class ChildProcess:
    """A process in a session of its own, so that all it starts can be ended with it."""

    def __init__(self, popen: subprocess.Popen[bytes], connection: socket.socket) -> None:
        self._popen = popen
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._buffer = frames.FrameBuffer()
        self._inbox: deque[frames.Received] = deque()
        self._gone: ProcessGone | None = None
        self._arrived = asyncio.Event()
        self._open = True
        self._loop.add_reader(connection, self._readable)

    @classmethod
    def start(cls, argv: Sequence[str], env: Mapping[str, str], log: int | Path | None) -> Self:
        """Start `argv --channel-fd N`; `env` is added to ours, `log` takes stdout and stderr.

        :raises StartFailed: when the program or the log cannot be opened.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)
        with ExitStack() as cleanup:
            cleanup.callback(theirs.close)
            try:
                output: int | None = None
                if isinstance(log, int):
                    output = log
                elif log is not None:
                    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                    cleanup.callback(os.close, output)
                popen = subprocess.Popen(
                    [*argv, "--channel-fd", str(theirs.fileno())],
                    env={**os.environ, **env},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
            except OSError as exc:
                ours.close()
                raise StartFailed(str(exc)) from exc
            return cls(popen, ours)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """Whether a call may be tried; asks the system, because an end may be only just over."""
        return self._open and self._gone is None and self._popen.poll() is None

    async def send(self, frame: frames.Frame, fds: Sequence[int]) -> None:
        """Send one frame; the descriptors stay open here. :raises ProcessGone: when it ended."""
        data = memoryview(frames.encode(frame))
        ancillary = frames.rights(fds)
        while data:
            if not self._open:
                raise ProcessGone("ended")
            try:
                sent = self._connection.sendmsg([data], ancillary)
            except BlockingIOError:
                await self._writable()
            except OSError as exc:
                raise ProcessGone("ended", by_itself=True) from exc
            else:
                data, ancillary = data[sent:], []

    async def receive(self) -> frames.Received:
        """Wait for the next frame; its descriptors belong to the caller.

        :raises ProcessGone: when the process ended or sent what is no frame.
        """
        while not self._inbox:
            if self._gone is not None:
                raise self._gone
            self._arrived.clear()
            await self._arrived.wait()
        return self._inbox.popleft()

    def kill(self) -> None:
        """Kill the process and all it started. The channel then tells whoever waits."""
        # Also after the process itself was reaped: its number stays taken while others of its
        # session live (setsid(2)), and they must not live on.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)

    async def end(self, grace_s: float = 0) -> int | None:
        """Close the channel, wait `grace_s` for the process to end by itself, then kill it.

        Returns the status as in Popen.returncode; None when even SIGKILL did not end it in time.
        """
        self._let_go()
        if not grace_s:
            self.kill()
        return await asyncio.to_thread(self._reap, grace_s)

    def _reap(self, grace_s: float) -> int | None:
        if grace_s:
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(grace_s)
            self.kill()
        with suppress(subprocess.TimeoutExpired):
            return self._popen.wait(_REAP_S)
        return None

    def _let_go(self) -> None:
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._connection)
        self._loop.remove_writer(self._connection)
        self._connection.close()
        self._buffer.close()
        for received in self._inbox:
            frames.close_all(received.fds)
        self._inbox.clear()
        self._lost(ProcessGone("ended"))

    def _readable(self) -> None:
        try:
            data, fds = frames.receive_some(self._connection)
            if not data:
                self._lost(ProcessGone("ended", by_itself=True))
                return
            self._buffer.feed(data, fds)
            for received in self._buffer.frames():
                self._inbox.append(received)
                self._arrived.set()
        except BlockingIOError:
            return
        except ConnectionError:
            self._lost(ProcessGone("ended", by_itself=True))
        except frames.ChannelBroken as exc:
            self._lost(ProcessGone(f"broken channel: {exc}"))

    def _lost(self, gone: ProcessGone) -> None:
        if self._gone is None:
            self._gone = gone
        if self._open:
            self._loop.remove_reader(self._connection)
        self._arrived.set()

    async def _writable(self) -> None:
        ready: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_writer(self._connection, _done, ready)
        try:
            await ready
        finally:
            if self._open:
                self._loop.remove_writer(self._connection)


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
