"""The person's session: a real display and bus, and each thing on them missing or broken."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.desktop.session.desktop import Desktop
from tests.desktop.session.notifications import Notifications
from tests.desktop.session.peer import Peer
from tests.desktop.session.programs import first_line, running
from tests.desktop.session.screen import display
from tests.desktop.session.tray_host import TrayHost

from custode.doctor import desktop_checks
from custode.startup import ledger
from custode.startup.program import this_program
from custode.startup.putting import Wanted, put
from custode.startup.written import Places, files

from .conftest import Ward

WATCHER = "org.kde.StatusNotifierWatcher"
NOTIFICATIONS = "org.freedesktop.Notifications"
SECRETS = "org.freedesktop.secrets"
EVERY = ("display", "tray", "notifications")

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={folder}/bus</listen>
  <servicedir>{folder}</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>
"""
SERVICE = "[D-BUS Service]\nName={name}\nExec=/bin/false\n"


@pytest.fixture(scope="module")
def desktop() -> Iterator[Desktop]:
    with Desktop(accessible=False) as there:
        yield there


@pytest.fixture
def here(desktop: Desktop) -> dict[str, str]:
    return desktop.environment()


def test_without_a_desktop_nothing_applies(ward: Ward) -> None:
    for name in (*EVERY, "bus"):
        assert ward.code(f"desktop.{name}", environ={}) == "no_session"
    assert ward.code("desktop.keyring", environ={}) == "none"


def test_without_windows_installed_nothing_applies(
    ward: Ward, here: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    for name in EVERY:
        assert ward.code(f"desktop.{name}", environ=here) == "not_installed"


def test_the_display(ward: Ward, here: dict[str, str]) -> None:
    (found,) = ward.rows("desktop.display", environ=here)
    assert (found["code"], found["data"]["platform"]) == ("opens", "xcb")
    with display() as gone:
        pass
    (found,) = ward.rows("desktop.display", environ={**here, "DISPLAY": gone})
    assert found["code"] == "closed"
    assert gone in found["what"]
    assert "connect" in found["data"]["why"]


def test_a_display_that_says_nothing(
    ward: Ward, here: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desktop_checks, "_PROBE_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        number = mute.getsockname()[1] - 6000  # X(7): TCP port 6000 + n
        if number < 0:
            pytest.skip("the system gave a port below those of X")
        environ = {**here, "DISPLAY": f"127.0.0.1:{number}"}
        assert ward.code("desktop.display", environ=environ) == "silent"


def test_a_library_of_qts_that_is_missing(
    ward: Ward, here: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's own loader says so: of a library that was there when ours was linked."""
    package = tmp_path / "PySide6"
    package.mkdir()
    source = tmp_path / "empty.c"
    source.write_text("int nothing;\n")
    needed, ours = tmp_path / "libodd.so.7", tmp_path / "ours.so"
    gcc = ("gcc", "-shared", "-fPIC", "-Wl,--no-as-needed")
    subprocess.run([*gcc, source, "-o", needed, "-Wl,-soname,libodd.so.7"], check=True, timeout=30)
    subprocess.run([*gcc, source, needed, "-o", ours], check=True, timeout=30)
    needed.unlink()
    (package / "__init__.py").touch()
    (package / "QtGui.py").write_text(f"import ctypes\nctypes.CDLL({str(ours)!r})\n")
    environ = {**here, "PYTHONPATH": str(tmp_path)}
    (found,) = ward.rows("desktop.display", environ=environ)
    assert (found["code"], found["data"]["part"]) == ("part_unknown", "libodd.so.7")
    monkeypatch.setitem(desktop_checks._PACKAGES, "libodd.so.7", "libodd7")
    (found,) = ward.rows("desktop.display", environ=environ)
    assert found["mend"] == {"command": "sudo apt-get install libodd7"}


def test_the_bus(ward: Ward, desktop: Desktop, here: dict[str, str], tmp_path: Path) -> None:
    assert ward.code("desktop.bus", environ=here) == "there"
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    without = {**here, "DBUS_SESSION_BUS_ADDRESS": "", "XDG_RUNTIME_DIR": str(runtime)}
    assert ward.code("desktop.bus", environ=without) == "missing"
    assert ward.code("desktop.tray", environ=without) == "no_bus"
    (runtime / "bus").symlink_to(desktop.folder / "bus")  # where a login session has it
    assert ward.code("desktop.bus", environ=without) == "there"
    (runtime / "bus").unlink()
    (runtime / "bus").touch()
    assert ward.code("desktop.bus", environ=without) == "closed"
    for name in ("tray", "notifications"):
        assert ward.code(f"desktop.{name}", environ=without) == "no_bus"
    assert ward.code("desktop.keyring", environ=without) == "none"
    for strange in ("tcp:host=localhost", "nonsense", "unix:path"):
        environ = {**here, "DBUS_SESSION_BUS_ADDRESS": strange}
        assert ward.code("desktop.bus", environ=environ) == "closed"


def test_the_tray(ward: Ward, desktop: Desktop, here: dict[str, str], tmp_path: Path) -> None:
    assert ward.code("desktop.tray", environ=here) == "none"
    gnome = {**here, "XDG_CURRENT_DESKTOP": "ubuntu:GNOME"}
    assert ward.code("desktop.tray", environ=gnome) == "gnome"
    with TrayHost(desktop.address):
        (found,) = ward.rows("desktop.tray", environ=gnome)
        assert found["code"] == "hosted"
        assert found["data"]["by"] == Path("/proc/self/comm").read_text().strip()
        (tmp_path / "pystray.py").write_text("import nothing_of_that_name\n")
        broken = {**here, "PYTHONPATH": str(tmp_path)}
        (found,) = ward.rows("desktop.tray", environ=broken)
        assert found["code"] == "no_libraries"
        assert "nothing_of_that_name" in found["data"]["why"]
    with Peer(desktop.address) as alone:
        alone.own(WATCHER)
        assert ward.code("desktop.tray", environ=here) == "silent"
        properties = {"IsStatusNotifierHostRegistered": lambda: ("b", False)}
        alone.serve("/StatusNotifierWatcher", WATCHER, {}, properties)
        assert ward.code("desktop.tray", environ=here) == "no_host"


def test_the_notifications(ward: Ward, desktop: Desktop, here: dict[str, str]) -> None:
    assert ward.code("desktop.notifications", environ=here) == "none"
    with Notifications(desktop.address):
        (found,) = ward.rows("desktop.notifications", environ=here)
        assert (found["code"], found["data"]["by"]) == ("buttons", "tests 1")
    with Notifications(desktop.address, ("body",)):
        assert ward.code("desktop.notifications", environ=here) == "plain"
    with Peer(desktop.address) as mute:
        mute.own(NOTIFICATIONS)
        assert ward.code("desktop.notifications", environ=here) == "silent"


def test_the_keyring(ward: Ward, desktop: Desktop, here: dict[str, str]) -> None:
    assert ward.code("desktop.keyring", environ=here) == "none"
    with Peer(desktop.address) as there:
        there.own(SECRETS)
        assert ward.code("desktop.keyring", environ=here) == "there"


def test_what_the_bus_would_start(ward: Ward, here: dict[str, str], tmp_path: Path) -> None:
    for name in (NOTIFICATIONS, SECRETS):
        (tmp_path / f"{name}.service").write_text(SERVICE.format(name=name))
    configuration = tmp_path / "bus.conf"
    configuration.write_text(BUS.format(folder=tmp_path))
    command = ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--print-address"]
    with running(command, os.environ, stdout=subprocess.PIPE) as bus:
        assert bus.stdout is not None
        environ = {**here, "DBUS_SESSION_BUS_ADDRESS": first_line(bus.stdout.fileno(), "bus")}
        assert ward.code("desktop.keyring", environ=environ) == "on_demand"
        (found,) = ward.rows("desktop.notifications", environ=environ)
        assert found["code"] == "silent"
        assert "Spawn" in found["data"]["why"]


def test_what_starts_it_with_the_session(ward: Ward, tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_RUNTIME_DIR": str(tmp_path),
    }
    places = Places.find(environ)
    assert ward.code("desktop.installed", environ=environ) == "none"
    wanted = files(this_program(ward.paths, environ), places, autostart=False)
    home = str(ward.paths.home)
    put(Wanted(wanted, {}, sys.executable, home), places.data)
    assert ward.code("desktop.installed", environ=environ) == "current"
    entry = places.data / "applications/custode.desktop"
    entry.write_text("the person's own")
    assert ward.code("desktop.installed", environ=environ) == "current"

    entry.unlink()
    put(Wanted({**wanted, entry: b"of before"}, {}, sys.executable, home), places.data)
    (found,) = ward.rows("desktop.installed", environ=environ)
    assert (found["code"], found["data"]["path"]) == ("older", str(entry))
    put(Wanted(wanted, {}, "/nowhere/python", home), places.data)
    assert ward.code("desktop.installed", environ=environ) == "moved"
    put(Wanted(wanted, {}, sys.executable, None), places.data)
    assert ward.code("desktop.installed", environ=environ) == "elsewhere"
    ledger.place(places.data).write_text("[]")
    assert ward.code("desktop.installed", environ=environ) == "unreadable"
