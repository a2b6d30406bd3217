"""Notices that the computer woke up: logind's signal PrepareForSleep (org.freedesktop.login1(5)).

One thread, blocked on the system bus. Where there is no bus, or no logind on it, nothing is
reported: the agent also compares clocks, which takes longer and needs nobody.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from custode_drivers.api.events import Resumed
from custode_drivers.api.protocols import Watch

if TYPE_CHECKING:
    from jeepney.io.blocking import DBusConnection

log = logging.getLogger(__name__)

_SYSTEM_BUS: Final = "unix:path=/run/dbus/system_bus_socket"
_VARIABLE: Final = "DBUS_SYSTEM_BUS_ADDRESS"
_STOP_S: Final = 5.0
_ANSWER_S: Final = 5.0


def bus_address(environ: Mapping[str, str]) -> str:
    """Where the system bus is (D-Bus specification, "Well-known message bus instances")."""
    return environ.get(_VARIABLE) or _SYSTEM_BUS


class ResumeWatch:
    """Reports each waking of the computer."""

    def __init__(self, report: Callable[[Resumed], None], address: str | None = None) -> None:
        """`address`: of the system bus, as in DBUS_SYSTEM_BUS_ADDRESS."""
        self._report = report
        self._address = address or bus_address(os.environ)
        self._stopping = threading.Event()
        self._connection: DBusConnection | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        # Only where there is a bus: jeepney weighs megabytes.
        if self._address == _SYSTEM_BUS and not Path(_SYSTEM_BUS.partition("=")[2]).exists():
            return
        self._thread = threading.Thread(target=self._run, name="resume-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stopping.set()
        connection = self._connection
        if connection is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)  # ends a wait of the other thread
        thread.join(_STOP_S)

    def _run(self) -> None:
        from jeepney import DBusErrorResponse

        try:
            self._listen()
        except (OSError, RuntimeError, ValueError, DBusErrorResponse) as exc:
            if not self._stopping.is_set():
                log.info("no word of logind: %r", exc)

    def _listen(self) -> None:
        from jeepney import MatchRule, message_bus
        from jeepney.io.blocking import Proxy, open_dbus_connection

        # The bus itself takes care that only logind's own signals come (sender).
        rule = MatchRule(
            type="signal",
            sender="org.freedesktop.login1",
            interface="org.freedesktop.login1.Manager",
            member="PrepareForSleep",
            path="/org/freedesktop/login1",
        )
        with open_dbus_connection(self._address) as connection:
            self._connection = connection
            Proxy(message_bus, connection, timeout=_ANSWER_S).AddMatch(rule)
            while not self._stopping.is_set():
                if _woke(connection.receive()):
                    self._report(Resumed(datetime.now(UTC)))


def _woke(message: Any) -> bool:
    """Whether this is the signal, and says that the sleep is over: its one argument is false."""
    from jeepney import HeaderFields

    member = message.header.fields.get(HeaderFields.member)
    return bool(member == "PrepareForSleep" and message.body == (False,))


_: type[Watch] = ResumeWatch
