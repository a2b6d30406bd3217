"""Unix sockets: one for this user alone, and who is at the other end."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path


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


def listen(path: Path) -> socket.socket:
    """Listening socket at `path`, for this user alone (0600 from its first moment).

    Whoever calls holds the lock of that place: nobody listens there any more.
    """
    path.unlink(missing_ok=True)
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
