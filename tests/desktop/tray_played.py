"""A person's tray on a desktop of its own, and who hears which windows it opens."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any, Self

from tests.desktop.session.desktop import Desktop
from tests.desktop.session.programs import running

from custode.desktop.opening import socket_of
from custode.paths import Paths

PATIENCE_S = 30.0
TRAY = (sys.executable, "-m", "custode.desktop.tray")


class Windows:
    """Listens where the windows program does: hears what is to be opened, and opens nothing."""

    def __init__(self, paths: Paths) -> None:
        self.opened: queue.Queue[tuple[str, dict[str, str]]] = queue.Queue()
        self._path = socket_of(paths)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self._path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE_S)
        self._listener.close()
        self._path.unlink()

    def next(self) -> tuple[str, dict[str, str]]:
        """The next window that is to be opened, with its arguments."""
        return self.opened.get(timeout=PATIENCE_S)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                said: dict[str, Any] = json.loads(connection.makefile("rb").readline())
                connection.sendall(b'{"ok": true}\n')
                self.opened.put((said["open"], said["args"]))


@contextlib.contextmanager
def tray_of(
    desktop: Desktop, paths: Paths, *command: str, **more: str
) -> Iterator[subprocess.Popen[bytes]]:
    """The tray of whoever lives at these paths."""
    environment = desktop.environment(**paths.environment(), **more)
    with running(list(command or TRAY), environment, quiet=False) as program:
        yield program
