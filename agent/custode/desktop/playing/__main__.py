"""`python -m custode.desktop.playing`: shows what it is told, and says which token is to move.

A line of JSON at a time: `{"tokens": [{"label", "serial", "pin", "so_pin", "plugged"}], "password",
"stick"}` comes in, `{"move": SERIAL}` goes out. It ends with its window, or with its input.
"""

from __future__ import annotations

import json
import os
import signal
import sys

from PySide6.QtCore import QSocketNotifier
from PySide6.QtWidgets import QApplication

from custode.desktop.playing.table import Table
from custode.desktop.theme import Theme
from custode.locale import choice
from custode.paths import Paths

_CHUNK = 1 << 16


def main() -> int:
    """Show the table until it is closed."""
    choice.follow(Paths.find().language)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    app = QApplication(["custode-demo"])
    app.setApplicationName("Custode")
    app.setDesktopFileName("custode")
    table = Table(Theme(app), _wish)
    heard = bytearray()

    def hear() -> None:
        chunk = os.read(sys.stdin.fileno(), _CHUNK)
        if not chunk:
            app.quit()
        heard.extend(chunk)
        while (end := heard.find(b"\n")) >= 0:
            choice.follow(Paths.find().language)  # it may have been switched since
            table.lay(json.loads(bytes(heard[:end])))
            del heard[: end + 1]
            table.show()

    watch = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read, app)
    watch.activated.connect(hear)
    status = app.exec()
    app.shutdown()
    return status


def _wish(serial: str) -> None:
    sys.stdout.write(json.dumps({"move": serial}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    result = main()
    sys.stdout.flush()
    # Qt lets go of what was copied after Python has ended, and would call into it.
    os._exit(result)
