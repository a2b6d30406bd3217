"""`custode tray`: the icon in the tray; where it is there already, the main window."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from custode.cli.command import make_command, pass_face
from custode.desktop.tray import toolkit
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from custode.cli.face import Face

_LIBRARIES = ("gi", "pystray")


@make_command(
    "tray",
    mark(
        "Show Custode in the tray, until it is quit there.\n\n"
        "The icon says how things stand, its menu leads everywhere, and what needs you is notified."
        " Where the tray is there already, Custode's main window opens instead."
    ),
)
@pass_face
def command(face: Face) -> None:
    """Become the tray: it stays for long, and none of the command line has to stay with it.

    :raises CustodeError: NO_DISPLAY, PART_MISSING
    """
    toolkit.check_display()
    if any(find_spec(name) is None for name in _LIBRARIES):
        raise toolkit.missing()
    face.note(t("Custode is in the tray. “Quit” in its menu ends it, Ctrl-C here too."))
    face.flush()
    os.execv(sys.executable, [sys.executable, "-m", "custode.desktop.tray"])  # noqa: S606 - no shell
