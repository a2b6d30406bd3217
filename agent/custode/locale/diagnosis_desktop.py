"""The doctor's words for the checks of the person's session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from custode.locale.catalogue import mark
from custode.locale.diagnosis_rows import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLE: Final[Mapping[str, str]] = {
    "desktop.display": mark("Windows can open"),
    "desktop.bus": mark("The session's bus"),
    "desktop.tray": mark("A place for the icon"),
    "desktop.notifications": mark("Notifications are shown"),
    "desktop.keyring": mark("Keyring"),
    "desktop.installed": mark("What starts Custode with the session"),
}

_NO_SESSION: Final = Row(mark("there is no desktop here; the command line does everything"))
_NOT_INSTALLED: Final = Row(
    mark("windows and tray are not installed (custode[desktop]); the command line does everything")
)
_NO_BUS: Final = Row(mark("not looked at: the session has no bus that answers"))
_PANEL: Final = mark(
    "add a notification area to the panel (system tray, status icons); until then launch Custode"
    " from the menu: its window has everything"
)

ROWS: Final[Mapping[str, Mapping[str, Row]]] = {
    "desktop.display": {
        "opens": Row(mark("display {display} opens ({platform})")),
        "no_session": _NO_SESSION,
        "not_installed": _NOT_INSTALLED,
        "silent": Row(
            mark("display {display} does not answer"),
            step=mark("log out and in again"),
        ),
        "part_missing": Row(
            mark("the windows need {part}, which is not installed"),
            "sudo apt-get install {package}",
        ),
        "part_unknown": Row(
            mark("the windows need {part}, which is not installed"),
            step=mark("install the package that brings {part}"),
        ),
        "closed": Row(
            mark("display {display} does not open: {why}"),
            step=mark(
                "run it in a terminal of the desktop itself; or, to do without: unset DISPLAY"
            ),
        ),
    },
    "desktop.bus": {
        "there": Row(mark("it answers: icon and notifications go over it")),
        "no_session": _NO_SESSION,
        "missing": Row(
            mark("there is a display, but no bus: neither icon nor notifications can appear"),
            step=mark("install the package dbus-user-session, then log out and in again"),
        ),
        "closed": Row(
            mark("it does not answer at {address}: {why}"),
            step=mark("log out and in again"),
        ),
    },
    "desktop.tray": {
        "hosted": Row(mark("{by} shows it")),
        "no_session": _NO_SESSION,
        "not_installed": _NOT_INSTALLED,
        "no_bus": _NO_BUS,
        "silent": Row(
            mark("whoever should show it does not answer ({why})"),
            step=mark("log out and in again"),
        ),
        "gnome": Row(
            mark("GNOME shows no icons by itself"),
            step=mark(
                "install the package gnome-shell-extension-appindicator, log out and in again, and"
                " switch that extension on; until then launch Custode from the menu: its window has"
                " everything"
            ),
        ),
        "none": Row(mark("no panel shows icons"), step=_PANEL),
        "no_host": Row(mark("{by} would pass the icon on, but no panel shows it"), step=_PANEL),
        "no_libraries": Row(
            mark("the libraries that draw it cannot be loaded ({why})"),
            "sudo apt-get install gir1.2-ayatanaappindicator3-0.1 gir1.2-gtk-3.0",
        ),
    },
    "desktop.notifications": {
        "buttons": Row(mark("{by} shows them, with buttons")),
        "plain": Row(
            mark(
                "{by} shows them without buttons; what they say is also in the menu and the window"
            )
        ),
        "no_session": _NO_SESSION,
        "not_installed": _NOT_INSTALLED,
        "no_bus": _NO_BUS,
        "silent": Row(
            mark("whoever should show them does not answer ({why})"),
            step=mark("log out and in again"),
        ),
        "none": Row(
            mark("nobody shows them; what they would say is also in the menu and the window"),
            step=mark("install a notification server, for example the package xfce4-notifyd"),
        ),
    },
    "desktop.keyring": {
        "there": Row(mark("{by} is there; Custode keeps nothing in it")),
        "on_demand": Row(mark("one is started when it is needed; Custode keeps nothing in it")),
        "none": Row(mark("there is none; Custode needs none")),
    },
    "desktop.installed": {
        "current": Row(mark("it starts this program")),
        "none": Row(mark("nothing does; custode install-desktop puts it in place")),
        "elsewhere": Row(mark("it starts Custode for another folder ({home})")),
        "moved": Row(mark("it starts a program that is gone ({path})"), "custode install-desktop"),
        "older": Row(
            mark("it is of an earlier version, or of another copy of Custode ({path})"),
            "custode install-desktop",
        ),
        "unreadable": Row(
            mark("the list of what was put cannot be read ({path}: {why})"),
            step=mark("move {path} aside, then: custode install-desktop"),
        ),
    },
}
