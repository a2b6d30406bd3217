"""Starts the agent in the background, in a session of its own, and waits until it is ready."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import fill, gettext
from custode.rpc.lock import is_locked

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from custode.paths import Paths

_AGAIN_S: Final = 0.1
READY_LINE: Final = b"READY\n"


def start_agent(
    paths: Paths, dial: Callable[[Paths], socket.socket | None], deadline_s: float
) -> socket.socket:
    """Start the agent and connect to it.

    Two programs may do so at once: the agent that does not get the lock ends, and both programs
    find the other one. An agent that is just stopping is waited for in the same way.
    :raises CustodeError: AGENT_UNAVAILABLE, with `why` when the agent said it; CONFIG_INVALID
    """
    paths.make()
    until = time.monotonic() + deadline_s
    while True:
        _refuse(_spawn(paths, until), paths)
        while (connection := dial(paths)) is None:
            if time.monotonic() >= until:
                raise CustodeError(ErrorCode.AGENT_UNAVAILABLE, log=str(paths.log))
            time.sleep(_AGAIN_S)
            if not is_locked(paths):
                break
        if connection is not None:
            return connection


def _spawn(paths: Paths, until: float) -> bytes:
    """Start one agent; returns what it said when it says READY or ends."""
    argv = [sys.executable, "-m", "custode.daemon"]
    with contextlib.ExitStack() as stack:
        log = os.open(paths.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        stack.callback(os.close, log)
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        stack.callback(os.close, read_end)
        try:
            agent = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=write_end,
                stderr=log,
                env={**os.environ, **paths.environment()},
                cwd="/",  # the agent must not keep a stick busy
                start_new_session=True,
            )
        finally:
            os.close(write_end)
        said = _listen(read_end, until)
    agent.returncode = agent.poll() or 0  # it outlives us: no warning that it was not waited for
    return said


def _refuse(said: bytes, paths: Paths) -> None:
    """Pass on why an agent cannot start.

    One that found another agent, or the service manager's sockets, says nothing about that: whoever
    dials next is served.
    """
    if READY_LINE in said:
        return
    try:
        told = json.loads(said)["error"]
        error = CustodeError(ErrorCode(told["code"]), **told["data"])
    except (ValueError, TypeError, KeyError):
        return
    if error.code is ErrorCode.CONFIG_INVALID:
        raise error  # the person's own file, with the line to correct
    if error.code not in {ErrorCode.AGENT_RUNNING, ErrorCode.SOCKETS_HELD}:
        # Told here once more: the agent does not know the language this program speaks.
        why, log = fill(gettext(error.message_id), error.data), str(paths.log)
        raise CustodeError(ErrorCode.AGENT_UNAVAILABLE, why=why, cause=error.code.value, log=log)


def _listen(read_end: int, until: float) -> bytes:
    said = b""
    while READY_LINE not in said:
        left = until - time.monotonic()
        if left <= 0 or not select.select([read_end], [], [], left)[0]:
            break
        chunk = os.read(read_end, 4096)
        if not chunk:
            break
        said += chunk
    return said
