"""`custode install-desktop`: Custode comes with the person's session."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Final

from custode.cli.command import make_command, option, pass_face
from custode.cli.desktop_told import rows, tell_installed
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import mark
from custode.paths import Paths

if TYPE_CHECKING:
    from custode.cli.face import Face

# What windows and tray are made of; the extra `desktop` brings them.
_PARTS: Final = ("PySide6", "gi", "pystray")


@make_command(
    "install-desktop",
    mark(
        "Have Custode come with your session: tray, menu entry, agent.\n\n"
        "Puts an autostart file, a menu entry with its icon, and units of systemd into your own"
        " folders; nothing needs an administrator. Run it again after Custode was moved or renewed."
        " A file of yours that is in the way is left as it is. custode uninstall-desktop takes all"
        " of it away."
    ),
)
@option("--no-autostart", is_flag=True, text=mark("The tray does not start with the session."))
@pass_face
def command(face: Face, no_autostart: bool) -> None:
    """Put everything in place."""
    from custode.startup import service_manager
    from custode.startup.program import this_program
    from custode.startup.putting import Wanted, put
    from custode.startup.written import Places, files, links

    missing = [name for name in _PARTS if importlib.util.find_spec(name) is None]
    if missing:
        raise CustodeError(ErrorCode.PART_MISSING, why=", ".join(missing))
    paths, places = Paths.find(), Places.find()
    program = this_program(paths)
    wanted = files(program, places, autostart=not no_autostart)
    home = str(paths.home) if paths.named else None
    done = put(Wanted(wanted, links(places), sys.executable, home), places.data)
    noticed = service_manager.start_listening(paths)
    face.show({**rows(done), "agent": noticed._asdict()}, tell_installed)
