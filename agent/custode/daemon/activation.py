"""What the service manager hands over and wants to hear: sockets, READY, signs of life.

The documented protocols of sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3): a few lines
each, so no library. Without a service manager the agent opens its sockets itself and tells nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import stat
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from custode import peer
from custode.error_codes import ErrorCode
from custode.errors import CustodeError, to_rpc

if TYPE_CHECKING:
    from custode.paths import Paths

_LISTEN_FDS_START: Final = 3  # sd_listen_fds(3)
_SIGNS_A_DEADLINE: Final = 3  # sd_watchdog_enabled(3) asks for at least two
_HELLO_S: Final = 1.0
_LINE_MAX: Final = 4096
_LET_GO_S: Final = 0.5
_AGAIN_S: Final = 0.02
_ACCEPTS: Final = 0x10000  # __SO_ACCEPTCON among the flags of /proc/net/unix
_UNIX_SOCKETS: Final = Path("/proc/net/unix")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Activation:
    """What a service manager gave to this process; empty when it was started by hand."""

    sockets: Mapping[str, socket.socket] = field(default_factory=dict)
    """Listening sockets by name: `agent.sock`, `secrets.sock`."""
    notify: str = ""
    """Where it wants to be told."""
    watchdog_s: float | None = None
    """Without a sign of life for this long it takes the agent for dead."""

    def tell(self, message: str) -> None:
        """Tell it something; one that does not listen any more is no reason to stop."""
        if not self.notify:
            return
        name = "\0" + self.notify[1:] if self.notify.startswith("@") else self.notify
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
        ):
            sender.sendto(message.encode(), name)

    async def give_signs(self) -> None:
        """Give signs of life until cancelled: they come from the loop that serves everybody."""
        while self.watchdog_s is not None:
            self.tell("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_s / _SIGNS_A_DEADLINE)


def take(wanted: frozenset[str], environ: MutableMapping[str, str] = os.environ) -> Activation:
    """Take over what is ours; `wanted` are the names of the sockets.

    The variables go out of the environment, so that no child believes they are its own.
    """
    told = {
        name: environ.pop(name, "")
        for name in (
            "LISTEN_FDS",
            "LISTEN_FDNAMES",
            "LISTEN_PID",
            "NOTIFY_SOCKET",
            "WATCHDOG_USEC",
            "WATCHDOG_PID",
        )
    }
    us = str(os.getpid())
    sockets: dict[str, socket.socket] = {}
    if told["LISTEN_PID"] == us and told["LISTEN_FDS"].isdecimal():
        names = told["LISTEN_FDNAMES"].split(":")
        for number in range(int(told["LISTEN_FDS"])):
            fd, name = _LISTEN_FDS_START + number, names[number] if number < len(names) else ""
            _take_socket(fd, name, wanted, sockets)
    watchdog_s = None
    if told["WATCHDOG_USEC"].isdecimal() and told["WATCHDOG_PID"] in {"", us}:
        watchdog_s = int(told["WATCHDOG_USEC"]) / 1_000_000 or None
    return Activation(sockets, told["NOTIFY_SOCKET"], watchdog_s)


def _take_socket(
    fd: int, name: str, wanted: frozenset[str], sockets: dict[str, socket.socket]
) -> None:
    """Take one descriptor, by its name or by its file's; what is none of ours is closed."""
    try:
        os.set_inheritable(fd, False)
        if not stat.S_ISSOCK(os.fstat(fd).st_mode):
            os.close(fd)
            return
        listener = socket.socket(fileno=fd)
    except OSError as exc:
        _log.warning("descriptor %d of the service manager: %s", fd, exc)
        return
    address = listener.getsockname() if listener.family == socket.AF_UNIX else b""
    name = name if name in wanted else Path(os.fsdecode(address)).name
    ours = name in wanted and name not in sockets
    kind = (listener.family, listener.type) == (socket.AF_UNIX, socket.SOCK_STREAM)
    if ours and kind and listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        listener.setblocking(False)
        sockets[name] = listener
    else:
        _log.warning("descriptor %d of the service manager is none of the agent's sockets", fd)
        listener.close()


async def own_socket(path: Path, stack: contextlib.AsyncExitStack) -> socket.socket:
    """Listen at `path`; `stack` takes the file away, unless it is somebody else's by then.

    :raises CustodeError: SOCKETS_HELD when somebody listens there. This agent has its home's lock,
        so it is the service manager, which starts an agent of its own at the first connection.
    """
    until = asyncio.get_running_loop().time() + _LET_GO_S
    while _is_listened_at(path):  # an agent that was killed lets go of its lock a moment earlier
        if asyncio.get_running_loop().time() > until:
            raise CustodeError(ErrorCode.SOCKETS_HELD, path=str(path))
        await asyncio.sleep(_AGAIN_S)
    listener = peer.listen(path)
    made = path.stat()

    def take_away() -> None:
        with contextlib.suppress(FileNotFoundError):
            found = path.lstat()
            if (found.st_dev, found.st_ino) == (made.st_dev, made.st_ino):
                path.unlink()

    stack.callback(take_away)
    return listener


def _is_listened_at(path: Path) -> bool:
    """Whether a socket of that path is listened at; asked without connecting, which starts it."""
    try:
        lines = _UNIX_SOCKETS.read_bytes().splitlines()
    except OSError:
        return False  # not told here
    wanted = os.fsencode(path)
    for line in lines[1:]:
        # Num: RefCount Protocol Flags Type St Inode Path
        parts = line.split(maxsplit=7)
        if len(parts) == 8 and parts[7] == wanted and int(parts[3], 16) & _ACCEPTS:  # noqa: PLR2004 - the columns above
            return path.is_socket()
    return False


def refuse_waiting(activation: Activation, paths: Paths, error: CustodeError) -> None:
    """Tell every client that waits why there will be no agent.

    They connected to the service manager's socket: nobody else would tell them, and it would
    start one agent after the other for as long as they wait.
    """
    listener = activation.sockets.get(paths.agent_socket.name)
    line = json.dumps({"jsonrpc": "2.0", "id": None, "error": to_rpc(error)}).encode() + b"\n"
    while listener is not None:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with client, contextlib.suppress(OSError):
            client.settimeout(_HELLO_S)
            if peer.is_ours(client) and client.recv(_LINE_MAX):  # unread, it would cut our answer
                client.sendall(line)
