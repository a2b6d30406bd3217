"""Which window is made by what; each is loaded when it is opened."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.desktop.windows.window import Window

_HERE: Final = "custode.desktop.windows"
PANEL: Final = "panel"
WINDOWS: Final[Mapping[str, str]] = {
    "backup": "backup:Backup",
    "verify": "verify:Verify",
    "about": "about:About",
    "doctor": "doctor:Doctor",
    "install": "install:Install",
    "pin_change": "pins:PinChange",
    "pin_unblock": "pins:PinUnblock",
    "renew": "renew:Renew",
    "request": "request:Request",
    "token_init": "pins:TokenInit",
    "report": "report:Report",
    "activate": "activate:Activate",
    "restore": "restore:Restore",
    "open": "open_backup:OpenBackup",
    "blocked": "blocked:Blocked",
    "cancel": "cancel:Cancel",
    "retire": "retire:Retire",
    "reissue": "reissue:Reissue",
    "panel": "panel:Panel",
    "authority_copy": "authority_copy:AuthorityCopy",
    "free_spare": "free_spare:FreeSpare",
    "first_run": "first_run:FirstRun",
}


def load(name: str) -> type[Window]:
    """The window of that name; one that nobody knows is the panel."""
    module, _, kind = WINDOWS.get(name, WINDOWS[PANEL]).partition(":")
    made: type[Window] = getattr(import_module(f"{_HERE}.{module}"), kind)
    return made
