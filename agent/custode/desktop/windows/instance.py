"""One windows program a person: the others hand it what they were to open."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from custode import peer
from custode.desktop.opening import ACTIVATION, LINE_MAX, socket_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from custode.paths import Paths

    Opened = Callable[[str, dict[str, str]], None]

_READ_S: Final = 1.0


def _nobody_looks() -> bool:
    return False


class Instance:
    """Holds the place of the one program, and listens for the others."""

    def __init__(self, paths: Paths) -> None:
        self._path = socket_of(paths)
        self._lock = os.open(
            self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        self._listener: socket.socket | None = None

    def take(self) -> bool:
        """Become the one; False when another program is it."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._listener = peer.listen(self._path)
        return True

    def fileno(self) -> int:
        """Readable when somebody has something to open."""
        return -1 if self._listener is None else self._listener.fileno()

    def serve(self, opened: Opened, front: Callable[[], bool] = _nobody_looks) -> None:
        """Take what the next one says; whoever is not this person is not listened to.

        `front`: whether one of our windows has the person's attention, for who asks that.
        """
        if self._listener is None:
            return
        said: Any = None
        with suppress(OSError, ValueError):
            connection, _ = self._listener.accept()
            with connection:
                said = _read(connection)
                if said is not None and "front" in said:
                    connection.sendall(json.dumps({"front": front()}).encode() + b"\n")
                    return
                if said is not None:
                    connection.sendall(b'{"ok": true}\n')
        if said is None:
            return
        if activation := said.get("activation"):
            os.environ[ACTIVATION] = str(activation)
        args = said.get("args")
        opened(said["open"], _texts(args) if isinstance(args, dict) else {})

    def close(self) -> None:
        """Give the place free."""
        if self._listener is not None:
            self._path.unlink(missing_ok=True)
            self._listener.close()
        os.close(self._lock)


def _read(connection: socket.socket) -> dict[str, Any] | None:
    """What a program of this person wants to be opened, or to know; None for anything else."""
    if not peer.is_ours(connection):
        return None
    connection.settimeout(_READ_S)
    said = json.loads(connection.makefile("rb").readline(LINE_MAX))
    if not isinstance(said, dict):
        return None
    return said if "front" in said or isinstance(said.get("open"), str) else None


def _texts(args: dict[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in args.items()}
