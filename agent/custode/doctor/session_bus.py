"""Asks on the session's bus who is there, and lets nobody be waited for without an end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

_VARIABLE: Final = "DBUS_SESSION_BUS_ADDRESS"
_RUNTIME: Final = "XDG_RUNTIME_DIR"
_ANSWER_S: Final = 3.0


class BusError(Exception):
    """The bus, or whoever was asked on it, does not answer as it should; the text says how."""


def address(environ: Mapping[str, str]) -> str | None:
    """Where this session's bus is; None without one (as sd_bus_open_user(3) looks for it)."""
    if told := environ.get(_VARIABLE):
        return told
    place = Path(environ.get(_RUNTIME) or "/nonexistent") / "bus"
    return f"unix:path={place}" if place.exists() else None


class SessionBus:
    """One connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def program_of(self, name: str) -> str | None:
        """What the program is called that owns a name; None when nobody does."""
        bus = "org.freedesktop.DBus"
        try:
            (pid,) = self._ask(
                bus, "/org/freedesktop/DBus", bus, "GetConnectionUnixProcessID", name
            )
        except BusError:
            return None
        with suppress(OSError):
            return Path(f"/proc/{pid}/comm").read_text().strip()
        return str(pid)

    def can_be_started(self, name: str) -> bool:
        """Whether the bus would start a program for that name."""
        bus = "org.freedesktop.DBus"
        (names,) = self._ask(bus, "/org/freedesktop/DBus", bus, "ListActivatableNames")
        return name in names

    def call(self, name: str, path: str, method: str) -> Any:
        """Call a method without arguments of the interface that is called like the name."""
        return self._ask(name, path, name, method)

    def property(self, name: str, path: str, which: str) -> Any:
        """Read a property of the interface that is called like the name."""
        (found,) = self._ask(name, path, "org.freedesktop.DBus.Properties", "Get", name, which)
        return found[1]  # of a variant: its signature, its value

    def _ask(self, name: str, path: str, interface: str, method: str, *args: str) -> Any:
        """Ask. :raises BusError: when there is no answer, or a refusal."""
        from jeepney import DBusAddress, DBusErrorResponse, new_method_call
        from jeepney.wrappers import unwrap_msg

        signature = "s" * len(args) or None
        asked = new_method_call(DBusAddress(path, name, interface), method, signature, args)
        try:
            return unwrap_msg(self._connection.send_and_get_reply(asked, timeout=_ANSWER_S))
        except DBusErrorResponse as exc:
            raise BusError(exc.name) from exc
        except TimeoutError as exc:
            raise BusError(f"{method}: no answer") from exc
        except (OSError, ValueError) as exc:
            raise BusError(str(exc)) from exc


@contextmanager
def opened(at: str) -> Iterator[SessionBus]:
    """Connect to the bus at that address.

    :raises BusError: when it is not there or does not let us in
    """
    from jeepney.auth import AuthenticationError
    from jeepney.io.blocking import open_dbus_connection

    try:
        connection = open_dbus_connection(at)
    except (OSError, RuntimeError, ValueError, KeyError, AuthenticationError) as exc:
        raise BusError(str(exc)) from exc
    try:
        yield SessionBus(connection)
    finally:
        connection.close()
