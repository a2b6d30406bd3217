"""The person's own systemd, where there is one and it runs: takes notice of units put or gone."""

from __future__ import annotations

import shutil
import subprocess
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.rpc.client import AgentClient
from custode.rpc.lock import is_locked
from custode.startup.written import SERVICE, SOCKET

if TYPE_CHECKING:
    from custode.paths import Paths

_BOOTED: Final = Path("/run/systemd/system")
_ANSWER_S: Final = 60.0
_ENDS_S: Final = 20.0
_AGAIN_S: Final = 0.05


class State(StrEnum):
    """Who starts the agent from now on."""

    LISTENING = "listening"
    """systemd, from this moment."""
    NEXT_LOGIN = "next_login"
    """systemd, once it runs again: it does not run here, or the agent is busy."""
    NO_SYSTEMD = "no_systemd"
    """Whichever of our programs needs it first, as without the units."""
    FAILED = "failed"
    """systemd was told and refuses, with `why`."""


class Noticed(NamedTuple):
    """What came of telling it."""

    state: State
    why: str | None = None


def start_listening(paths: Paths) -> Noticed:
    """Have systemd listen for the agent now; one that was started otherwise ends first."""
    if not _is_here():
        return Noticed(State.NO_SYSTEMD)
    if _systemctl("daemon-reload").returncode:
        return Noticed(State.NEXT_LOGIN)
    if _systemctl("is-active", "--quiet", SOCKET).returncode == 0:
        return Noticed(State.LISTENING)
    if not _end_agent(paths):
        return Noticed(State.NEXT_LOGIN, "busy")
    done = _systemctl("start", SOCKET)
    if done.returncode:
        return Noticed(State.FAILED, done.stderr.strip().partition("\n")[0])
    return Noticed(State.LISTENING)


def stop_listening() -> None:
    """Have systemd end the agent and let go of its sockets, while it still knows the units."""
    if _is_here():
        _systemctl("stop", SOCKET, SERVICE)


def forget() -> None:
    """Have it forget units that are gone."""
    if _is_here():
        _systemctl("daemon-reload")
        _systemctl("reset-failed", SOCKET, SERVICE)


def _is_here() -> bool:
    """Whether this system was booted with systemd (sd_booted(3)); its tools alone start nothing."""
    return _BOOTED.is_dir() and shutil.which("systemctl") is not None


def _systemctl(*words: str) -> subprocess.CompletedProcess[str]:
    """Run it; a manager that does not answer is one that does not run."""
    argv = ["systemctl", "--user", *words]
    try:
        return subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ANSWER_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(argv, 1, "", "systemctl")


def _end_agent(paths: Paths) -> bool:
    """End the agent that runs; False when it has something to do, or does not end."""
    if not is_locked(paths):
        return True
    try:
        with AgentClient.connect(paths, name="install-desktop", start=False) as agent:
            if agent.call("status", {"look": False}).get("running"):
                return False
            agent.call("agent.stop")
    except CustodeError as error:
        if error.code not in {ErrorCode.AGENT_DIED, ErrorCode.AGENT_UNAVAILABLE}:
            return False
    until = time.monotonic() + _ENDS_S
    while is_locked(paths):
        if time.monotonic() > until:
            return False
        time.sleep(_AGAIN_S)
    return True
