"""Checks of the person's session: a display for the windows, a place for the icon, notifications.

They look with the environment in which the doctor runs: that of the person, not the agent's. Where
it knows of no display (SSH, a service), nothing of this applies.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from custode.doctor.session_bus import BusError, SessionBus, address, opened
from custode.errors import CustodeError
from custode.startup import ledger
from custode.startup.program import this_program
from custode.startup.written import Places, files
from custode_drivers.api.checks import Check, Finding, Outcome

if TYPE_CHECKING:
    from custode.doctor.patient import Patient

_DISPLAYS: Final = ("WAYLAND_DISPLAY", "DISPLAY")
_PROBE_S: Final = 10.0
_WATCHER: Final = "org.kde.StatusNotifierWatcher"
_NOTIFICATIONS: Final = "org.freedesktop.Notifications"
_SECRETS: Final = "org.freedesktop.secrets"
# What Qt is linked to, and Debian's packages that bring it.
_PACKAGES: Final = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
}
_COMMON: Final = {
    "no_session": Outcome.NOT_APPLICABLE,
    "not_installed": Outcome.NOT_APPLICABLE,
    "no_bus": Outcome.NOT_MADE,
    "silent": Outcome.FAIL,
}


def display(patient: Patient, _subject: str) -> Iterator[Finding]:
    """Whether a window can open: tried by a program that opens none."""
    if (code := _without(patient)) is not None:
        yield Finding(code)
        return
    told = {"display": _display(patient)}
    try:
        done = _probe("custode.desktop.probe", patient)
    except subprocess.TimeoutExpired:
        yield Finding("silent", data=told)
        return
    found = json.loads(done.stdout) if done.stdout else {}
    if "platform" in found:
        yield Finding("opens", data={**told, "platform": found["platform"]})
    elif "part" in found:
        package = _PACKAGES.get(found["part"])
        code = "part_missing" if package else "part_unknown"
        yield Finding(code, data={"part": found["part"], "package": package})
    else:
        why = found.get("why") or done.stderr.strip().partition("\n")[0]
        yield Finding("closed", data={**told, "why": why})


def bus(patient: Patient, _subject: str) -> Iterator[Finding]:
    """Whether the session has a bus: icon and notifications go over it."""
    at = address(patient.environ)
    if at is None:
        yield Finding("missing" if _display(patient) else "no_session")
        return
    try:
        with opened(at):
            yield Finding("there")
    except BusError as exc:
        yield Finding("closed", data={"address": at, "why": str(exc)})


def tray(patient: Patient, _subject: str) -> Iterator[Finding]:
    """Whether a panel shows our icon."""
    yield from _on_bus(patient, lambda bus: _host(patient, bus))


def _host(patient: Patient, bus: SessionBus) -> Finding:
    by = bus.program_of(_WATCHER)
    if by is None:
        desktop = patient.environ.get("XDG_CURRENT_DESKTOP", "")
        return Finding("gnome" if "GNOME" in desktop.split(":") else "none")
    hosted = bus.property(_WATCHER, "/StatusNotifierWatcher", "IsStatusNotifierHostRegistered")
    if not hosted:
        return Finding("no_host", data={"by": by})
    drawn = _probe("custode.desktop.tray.probe", patient)
    if drawn.returncode:
        return Finding("no_libraries", data={"why": drawn.stderr.strip().rpartition("\n")[2]})
    return Finding("hosted", data={"by": by})


def notifications(patient: Patient, _subject: str) -> Iterator[Finding]:
    """Whether somebody shows notifications, and their buttons."""
    yield from _on_bus(patient, _notifier)


def _notifier(bus: SessionBus) -> Finding:
    if bus.program_of(_NOTIFICATIONS) is None and not bus.can_be_started(_NOTIFICATIONS):
        return Finding("none")
    path = "/org/freedesktop/Notifications"
    (able,) = bus.call(_NOTIFICATIONS, path, "GetCapabilities")  # starts it, as a notification does
    name, _vendor, version, _spec = bus.call(_NOTIFICATIONS, path, "GetServerInformation")
    told = {"by": f"{name} {version}".strip()}
    return Finding("buttons" if "actions" in able else "plain", data=told)


def keyring(patient: Patient, _subject: str) -> Iterator[Finding]:
    """Whether there is a Secret Service; nothing of ours uses it."""
    at = address(patient.environ)
    try:
        if at is not None:
            with opened(at) as bus:
                by = bus.program_of(_SECRETS)
                if by is not None or bus.can_be_started(_SECRETS):
                    yield Finding("there" if by else "on_demand", data={"by": by})
                    return
    except BusError:
        pass  # the bus has a check of its own
    yield Finding("none")


def installed(patient: Patient, _subject: str) -> Iterator[Finding]:
    """Whether what `install-desktop` put starts the program that runs here."""
    places = Places.find(patient.environ)
    listed = ledger.place(places.data)
    try:
        known = ledger.read(listed)
    except CustodeError as exc:
        yield Finding("unreadable", data={"path": str(listed), "why": exc.data.get("why")})
        return
    if known.empty:
        yield Finding("none")
        return
    if known.home != (str(patient.paths.home) if patient.paths.named else None):
        yield Finding("elsewhere", data={"home": known.home})
        return
    if not Path(known.python).exists():
        yield Finding("moved", data={"path": known.python})
        return
    wanted = files(this_program(patient.paths, patient.environ), places, autostart=True)
    older = [path for path, content in wanted.items() if _is_older(known, path, content)]
    # Where the session is not known the units cannot be compared: they name its folder.
    if older and patient.environ.get("XDG_RUNTIME_DIR"):
        yield Finding("older", data={"path": str(older[0])})
    else:
        yield Finding("current")


def _is_older(known: ledger.Ledger, path: Path, content: bytes) -> bool:
    """Whether a file is as we wrote it, and we would write another one today."""
    try:
        found = path.read_bytes()
    except OSError:
        return False  # the person took it away, or never wanted it
    return found != content and known.knows(path, found)


def _display(patient: Patient) -> str:
    return next((patient.environ[name] for name in _DISPLAYS if patient.environ.get(name)), "")


def _probe(module: str, patient: Patient) -> subprocess.CompletedProcess[str]:
    """Try it in a process of its own. :raises subprocess.TimeoutExpired: when that hangs."""
    return subprocess.run(
        [sys.executable, "-m", module],
        env=dict(patient.environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_PROBE_S,
        check=False,
    )


def _without(patient: Patient) -> str | None:
    """Why there is nothing to look at."""
    if not _display(patient):
        return "no_session"
    if any(importlib.util.find_spec(name) is None for name in ("PySide6", "pystray")):
        return "not_installed"
    return None


def _on_bus(patient: Patient, look: Callable[[SessionBus], Finding]) -> Iterator[Finding]:
    if (code := _without(patient)) is not None:
        yield Finding(code)
        return
    at = address(patient.environ)
    try:
        if at is None:
            yield Finding("no_bus")
            return
        with opened(at) as connected:
            try:
                yield look(connected)
            except BusError as exc:
                yield Finding("silent", data={"why": str(exc)})
    except BusError:
        yield Finding("no_bus")


def checks() -> tuple[Check[Patient], ...]:
    """The checks of this file, in the order in which people read them."""
    return (
        Check(
            "desktop.display",
            display,
            {
                "opens": Outcome.PASS,
                **{code: _COMMON[code] for code in ("no_session", "not_installed", "silent")},
                "part_missing": Outcome.FAIL,
                "part_unknown": Outcome.FAIL,
                "closed": Outcome.FAIL,
            },
            deadline_s=_PROBE_S + 2.0,
        ),
        Check(
            "desktop.bus",
            bus,
            {
                "there": Outcome.PASS,
                "no_session": Outcome.NOT_APPLICABLE,
                "missing": Outcome.FAIL,
                "closed": Outcome.FAIL,
            },
        ),
        Check(
            "desktop.tray",
            tray,
            {
                "hosted": Outcome.PASS,
                **_COMMON,
                "gnome": Outcome.FAIL,
                "none": Outcome.FAIL,
                "no_host": Outcome.FAIL,
                "no_libraries": Outcome.FAIL,
            },
            deadline_s=_PROBE_S + 5.0,
        ),
        Check(
            "desktop.notifications",
            notifications,
            {"buttons": Outcome.PASS, "plain": Outcome.PASS, **_COMMON, "none": Outcome.FAIL},
            deadline_s=10.0,
        ),
        Check(
            "desktop.keyring",
            keyring,
            {
                "there": Outcome.PASS,
                "on_demand": Outcome.PASS,
                "none": Outcome.NOT_APPLICABLE,
            },
            deadline_s=10.0,
        ),
        Check(
            "desktop.installed",
            installed,
            {
                "current": Outcome.PASS,
                "none": Outcome.NOT_APPLICABLE,
                "elsewhere": Outcome.NOT_APPLICABLE,
                "moved": Outcome.FAIL,
                "older": Outcome.FAIL,
                "unreadable": Outcome.FAIL,
            },
        ),
    )
