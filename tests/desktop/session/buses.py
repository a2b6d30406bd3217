"""The session bus of one desktop, and the bus on which assistive programs read its windows."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.desktop.session.peer import Peer
from tests.desktop.session.programs import first_line, running

# Nothing is started by being called: what runs on this bus is what a test has put there.
_SESSION: Final = """<!DOCTYPE busconfig PUBLIC
 "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>
"""
_LAUNCHERS: Final = (
    "/usr/libexec/at-spi-bus-launcher",
    "/usr/lib/at-spi2-core/at-spi-bus-launcher",
)
_A11Y: Final = ("org.a11y.Bus", "/org/a11y/bus")


@contextlib.contextmanager
def session_bus(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Have a bus of one's own; gives its address."""
    configuration = folder / "session-bus.conf"
    configuration.write_text(_SESSION.format(socket=folder / "bus"), "utf-8")
    command = ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--print-address"]
    with running(command, environment, stdout=subprocess.PIPE) as bus:
        assert bus.stdout is not None
        yield first_line(bus.stdout.fileno(), "dbus-daemon")


@contextlib.contextmanager
def accessibility_bus(address: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Have the real AT-SPI beside the bus of that address; programs tell it of their windows."""
    launcher = next(path for path in _LAUNCHERS if Path(path).exists())
    command = [launcher, "--launch-immediately", "--a11y=1", "--screen-reader=1"]
    with running(command, environment), Peer(address) as peer:
        peer.until_owned(_A11Y[0])
        (found,) = peer.call(_A11Y, _A11Y[0], "GetAddress")
        yield str(found)
