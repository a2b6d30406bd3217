"""Who is at the other end of a Unix socket, and which sockets systemd has already opened."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path
from typing import Final

_LISTEN_FDS_START: Final = 3  # sd_listen_fds(3)


def uid_of(peer: socket.socket) -> int:
    """User of the process that connected, as the kernel keeps it.

    :raises OSError: when the system does not tell
    """
    option = getattr(socket, "SO_PEERCRED", None)  # Linux; elsewhere nobody is let in yet
    if option is None:
        raise OSError("this system does not tell who is at the other end")
    # unix(7): struct ucred { pid, uid, gid }
    credentials = peer.getsockopt(socket.SOL_SOCKET, option, 12)
    return int(struct.unpack("3i", credentials)[1])


def is_ours(peer: socket.socket) -> bool:
    """Whether the process at the other end is this user's. Unknown counts as no."""
    try:
        return uid_of(peer) == os.getuid()
    except OSError:
        return False


def activated_sockets() -> dict[str, socket.socket]:
    """Listening sockets handed over by the service manager, by file name (sd_listen_fds(3)).

    The variables are taken out of the environment, so that no child believes they are its own.
    """
    count = os.environ.pop("LISTEN_FDS", "")
    pid = os.environ.pop("LISTEN_PID", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdecimal():
        return {}
    found: dict[str, socket.socket] = {}
    for fd in range(_LISTEN_FDS_START, _LISTEN_FDS_START + int(count)):
        os.set_inheritable(fd, False)
        listener = socket.socket(fileno=fd)
        listener.setblocking(False)
        found[Path(str(listener.getsockname())).name] = listener
    return found


def listen(path: Path) -> socket.socket:
    """Listening socket at `path`, for this user alone (0600 from its first moment)."""
    path.unlink(missing_ok=True)  # the agent's lock is held: nobody listens there any more
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    old = os.umask(0o177)
    try:
        listener.bind(str(path))
        listener.listen(64)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(old)
    return listener


def sd_notify(message: str) -> None:
    """Tell the service manager (sd_notify(3)); without one nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    name = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.sendto(message.encode(), name)
