"""Sends a secret to the agent: the read end of a pipe, never the secret itself."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_DEADLINE_S: Final = 10.0


def send_secret(secrets_socket: Path, secret_id: str, fd: int | None) -> bool:
    """Hand over `fd` (closed here in every case), or with None say that the person cancelled.

    False when the agent does not take it any more: it waits no longer, or is gone.
    """
    answer = {"id": secret_id} if fd is not None else {"id": secret_id, "cancelled": True}
    line = json.dumps(answer).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_DEADLINE_S)
            connection.connect(str(secrets_socket))
            if fd is None:
                connection.sendall(line)
            else:
                socket.send_fds(connection, [line], [fd])
            reply = connection.makefile("rb").readline(4096)
        return bool(json.loads(reply).get("ok"))
    except (OSError, ValueError):
        return False
    finally:
        if fd is not None:
            os.close(fd)
