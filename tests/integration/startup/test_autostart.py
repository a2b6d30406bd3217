"""The session starts: the tray comes from its autostart file, and the agent with it."""

import sys
import time
from collections.abc import Iterator

import pytest
from tests.desktop.session.desktop import Desktop

from custode.rpc.lock import is_locked

from .conftest import Session

DEADLINE_S = 30.0
# What desktops do with an autostart file: GLib reads its Exec line and starts that.
STARTED_BY_THE_SESSION = """
import sys
from gi.repository import Gio
entry = Gio.DesktopAppInfo.new_from_filename(sys.argv[1])
raise SystemExit(not entry.launch([], None))
"""


@pytest.fixture(scope="module")
def desktop() -> Iterator[Desktop]:
    with Desktop(accessible=False) as there:
        yield there


def log_in(session: Session, desktop: Desktop) -> None:
    """Start what is in the autostart folder."""
    started = session.run(
        *("sh", "-c", 'exec "$@" >/dev/null 2>&1', "sh"),  # it stays, and would keep our pipes
        *(sys.executable, "-c", STARTED_BY_THE_SESSION),
        str(session.home / ".config/autostart/custode-tray.desktop"),
        DISPLAY=desktop.display,
        DBUS_SESSION_BUS_ADDRESS=desktop.address,
        LANG="it_IT.UTF-8",
    )
    assert started.returncode == 0, started.stderr


def agent_of(session: Session) -> int:
    """Process of the agent, which somebody else starts."""
    until = time.monotonic() + DEADLINE_S
    while not is_locked(session.paths):
        assert time.monotonic() < until
        time.sleep(0.02)
    with session.connect() as client:
        return int(client.agent["pid"])


def test_without_systemd_the_tray_starts_the_agent(session: Session, desktop: Desktop) -> None:
    without = {"PATH": str(session.root)}  # no systemctl
    assert session.custode("install-desktop", **without).returncode == 0
    assert not is_locked(session.paths)
    with desktop.tray() as tray:
        log_in(session, desktop)
        item = tray.item()
        item.until_menu(lambda labels: "Apri Custode…" in labels, "the menu")
        pid = agent_of(session)
        item.click("Esci")
        tray.until_empty()
        assert agent_of(session) == pid
    assert session.custode("uninstall-desktop", **without).returncode == 0


def test_with_systemd_the_tray_finds_the_agent_that_it_starts(
    managed: Session, desktop: Desktop
) -> None:
    assert managed.custode("install-desktop").returncode == 0
    assert not is_locked(managed.paths)
    with desktop.tray() as tray:
        log_in(managed, desktop)
        item = tray.item()
        item.until_menu(lambda labels: "Apri Custode…" in labels, "the menu")
        found = agent_of(managed)
        shown = ["systemctl", "--user", "show", "--value", "--property=MainPID"]
        pid = managed.run(*shown, "custode-agent.service").stdout.strip()
        assert pid == str(found)
        item.click("Esci")
        tray.until_empty()
    assert managed.custode("uninstall-desktop").returncode == 0
    assert not is_locked(managed.paths)
