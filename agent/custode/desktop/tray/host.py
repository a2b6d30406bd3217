"""Whether there is a place for tray icons: a StatusNotifierWatcher with a host; it comes and goes.

libayatana-appindicator registers our icon by itself whenever the watcher appears. This one is for
what the library does where none is, and for telling the person.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gi.repository import Gio, GLib

WATCHER: Final = "org.kde.StatusNotifierWatcher"
_PATH: Final = "/StatusNotifierWatcher"


class HostWatch:
    """Calls `on_place` with each change, and `on_none` once, when none is there for `late_s`.

    On the main loop's thread.
    """

    def __init__(
        self, on_place: Callable[[bool], None], on_none: Callable[[], None], late_s: int
    ) -> None:
        self._on_place = on_place
        self._on_none = on_none
        self._late_s = late_s
        self._told = False
        self._timer = 0
        self._bus: Gio.DBusConnection | None = None
        self._signal = 0
        self._name = Gio.bus_watch_name(
            Gio.BusType.SESSION,
            WATCHER,
            Gio.BusNameWatcherFlags.NONE,
            self._appeared,
            self._vanished,
        )

    def close(self) -> None:
        """Stop watching."""
        Gio.bus_unwatch_name(self._name)
        self._forget()
        self._stop_waiting()

    def _appeared(self, bus: Gio.DBusConnection, _name: str, _owner: str) -> None:
        self._forget()
        self._on_place(True)
        self._bus = bus
        self._signal = bus.signal_subscribe(
            WATCHER,
            WATCHER,
            "StatusNotifierHostRegistered",
            _PATH,
            None,
            Gio.DBusSignalFlags.NONE,
            lambda *_: self._stop_waiting(),
        )
        bus.call(
            WATCHER,
            _PATH,
            "org.freedesktop.DBus.Properties",
            "Get",
            GLib.Variant("(ss)", (WATCHER, "IsStatusNotifierHostRegistered")),
            GLib.VariantType("(v)"),
            Gio.DBusCallFlags.NONE,
            -1,
            None,
            self._answered,
        )

    def _answered(self, bus: Gio.DBusConnection, result: Gio.AsyncResult) -> None:
        try:
            (registered,) = bus.call_finish(result).unpack()
        except GLib.Error:
            registered = True  # one that does not say is taken for whole
        if registered:
            self._stop_waiting()
        else:
            self._wait()

    def _vanished(self, _bus: Any, _name: str) -> None:
        self._forget()
        self._on_place(False)
        self._wait()

    def _wait(self) -> None:
        if not self._told and not self._timer:
            self._timer = GLib.timeout_add_seconds(self._late_s, self._late)

    def _late(self) -> bool:
        self._timer = 0
        self._told = True
        self._on_none()
        return False

    def _stop_waiting(self) -> None:
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0

    def _forget(self) -> None:
        if self._bus is not None and self._signal:
            self._bus.signal_unsubscribe(self._signal)
        self._bus, self._signal = None, 0
