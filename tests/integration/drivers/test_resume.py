"""A computer that wakes up, as logind tells it: on a private bus, where a test plays logind."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from jeepney import DBusAddress, message_bus, new_signal
from jeepney.io.blocking import DBusConnection, Proxy, open_dbus_connection

from custode_drivers.api.events import Resumed
from custode_drivers.logind.watch import ResumeWatch

LOGIND = "org.freedesktop.login1"
MANAGER = DBusAddress("/org/freedesktop/login1", interface=f"{LOGIND}.Manager")
PATIENCE_S = 20.0
# Like a session bus: whoever is let in may own names and talk.
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:dir={folder}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="false"/><allow receive_sender="*"/><allow own="*"/>
  </policy>
</busconfig>
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    configuration = tmp_path / "bus.conf"
    configuration.write_text(BUS.format(folder=tmp_path))
    bus = subprocess.Popen(
        ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
    )
    assert bus.stdout is not None
    try:
        yield bus.stdout.readline().decode().strip()
    finally:
        bus.terminate()
        bus.wait(PATIENCE_S)
        bus.stdout.close()


class Woken:
    """Counts what was reported."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self.events: list[Resumed] = []

    def __call__(self, event: Resumed) -> None:
        with self._news:
            self.events.append(event)
            self._news.notify_all()

    def until(self, count: int, patience_s: float = PATIENCE_S) -> bool:
        with self._news:
            return self._news.wait_for(lambda: len(self.events) >= count, patience_s)


def sleep_signal(connection: DBusConnection, *, falls_asleep: bool) -> None:
    connection.send(new_signal(MANAGER, "PrepareForSleep", "b", (falls_asleep,)))
    Proxy(message_bus, connection).GetId()  # the bus has passed the signal on by now


def test_waking_up_is_reported_and_nothing_else(address: str) -> None:
    woken = Woken()
    watch = ResumeWatch(woken, address)
    with open_dbus_connection(address) as logind, open_dbus_connection(address) as stranger:
        assert Proxy(message_bus, logind).RequestName(LOGIND) == (1,)
        watch.start()
        try:
            while not woken.until(1, 0.1):  # until it listens
                sleep_signal(logind, falls_asleep=False)
            heard = len(woken.events)
            sleep_signal(logind, falls_asleep=True)
            sleep_signal(stranger, falls_asleep=False)  # anybody may say so; only logind counts
            sleep_signal(logind, falls_asleep=False)
            assert woken.until(heard + 1)
            assert not woken.until(heard + 2, 0.2)
            assert woken.events[-1].at.tzinfo is not None
        finally:
            watch.stop()
            watch.stop()
    assert "resume-watch" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    "address", ["unix:path=/nonexistent/socket", "tcp:host=example", "nonsense"]
)
def test_no_bus_is_no_trouble(address: str) -> None:
    watch = ResumeWatch(Woken(), address)
    watch.start()
    watch.stop()
    assert "resume-watch" not in {thread.name for thread in threading.enumerate()}


def test_a_bus_that_ends_ends_the_watch(tmp_path: Path, address: str) -> None:
    woken = Woken()
    watch = ResumeWatch(woken, address)
    with open_dbus_connection(address) as logind:
        Proxy(message_bus, logind).RequestName(LOGIND)
        watch.start()
        while not woken.until(1, 0.1):
            sleep_signal(logind, falls_asleep=False)
    thread = watch._thread
    assert thread is not None
    assert watch._connection is not None
    watch._connection.sock.shutdown(2)
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    watch.stop()
