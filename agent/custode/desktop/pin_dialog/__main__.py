"""`python -m custode.desktop.pin_dialog`: a pinentry program of our own."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from custode.confinement import forbid_core_dumps
from custode.desktop.pin_dialog.server import Server
from custode.locale import choice
from custode.paths import Paths
from custode.release import VERSION

if TYPE_CHECKING:
    from custode.desktop.pin_dialog.asked import Window

_DISPLAY: Final = "--display"


def main(arguments: list[str]) -> int:
    """Serve on standard input and output until the client is done."""
    if "--version" in arguments:
        sys.stdout.write(f"pinentry-custode {VERSION}\n")
        return 0
    forbid_core_dumps()
    choice.follow(Paths.find().language)
    # Whatever a library prints must not come between the lines: they get a descriptor of their own.
    target = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if _DISPLAY in arguments[:-1]:  # gpg-agent names it so; its other options concern no window
        os.environ["DISPLAY"] = arguments[arguments.index(_DISPLAY) + 1]

    from custode.desktop.pin_dialog.window import QtWindow

    window = QtWindow()  # before the greeting: without a display there is nobody to greet

    def opened() -> Window:
        return window

    Server(sys.stdin.fileno(), target, opened).run()
    window.close()
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    # Qt lets go of what was copied after Python has ended, and would call into it.
    os._exit(status)
