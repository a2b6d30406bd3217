"""Notifications on the desktop, behind a port; the adapter speaks D-Bus through Gio.

Desktop Notifications Specification 1.2. The server may not be there yet, may be started by our
call, and may go and come back: what stood is shown again then, what was wiped away is not.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import gi

gi.require_version("Gio", "2.0")

from gi.repository import Gio, GLib  # noqa: E402 - which version is said before

from custode.desktop.opening import ACTIVATION  # noqa: E402 - after the version, as the rest

if TYPE_CHECKING:
    from collections.abc import Callable

    from custode.desktop.view.note import Button, Note

SERVER: Final = "org.freedesktop.Notifications"
ANSWER_MS: Final = 10_000
CLOSE_MS: Final = 1_000  # at the end nobody waits longer for a desktop that hangs
_PATH: Final = "/org/freedesktop/Notifications"
_ICON: Final = Path(__file__).parent.parent / "icons" / "custode.svg"
_DEFAULT: Final = "default"  # the key of a click beside the buttons
_NORMAL, _CRITICAL = 1, 2
_AS_THE_SERVER_LIKES, _UNTIL_SEEN = -1, 0

_log = logging.getLogger(__name__)


class Notifier(Protocol):
    """Shows notifications; called from the tray's own loop."""

    def show(self, note: Note) -> None:
        """Put it on the screen, in the place of the one with its key, as soon as that can be."""

    def change(self, note: Note) -> None:
        """Say the one with its key in other words, if it stands."""

    def take_down(self, key: str) -> None:
        """Take that one away, if it is there."""

    def close(self) -> None:
        """Take everything away: nobody will answer its buttons any more."""


@dataclass(slots=True, eq=False)
class _Standing:
    """A note that stands, or is to stand."""

    note: Note
    sent: Note | None = None
    """What the server was asked to show last."""
    number: int = 0
    """The server's number for it, 0 where it has none (any more)."""
    asked: bool = False
    """The server has not answered yet."""
    gone: bool = False
    """It was taken down meanwhile."""


class GioNotifier:
    """Notifications through the session bus of this login."""

    def __init__(self, pressed: Callable[[Note, Button], None]) -> None:
        """`pressed` hears which button of which note was pressed; the note is gone then."""
        self._pressed = pressed
        self._standing: dict[str, _Standing] = {}
        self._able: frozenset[str] | None = None  # what the server can do; None: it was not asked
        self._owner: str | None = None
        self._server = 0  # tells one server from the next
        self._asking = False
        self._looked = False  # whether the bus has said if there is one
        self._bus = _session_bus()
        if self._bus is None:
            return
        for signal, heard in (
            ("ActivationToken", _may_come_forward),
            ("ActionInvoked", self._acted),
            ("NotificationClosed", self._closed),
        ):
            self._bus.signal_subscribe(
                SERVER, SERVER, signal, _PATH, None, Gio.DBusSignalFlags.NONE, heard
            )
        none = Gio.BusNameWatcherFlags.NONE
        self._watch = Gio.bus_watch_name_on_connection(
            self._bus, SERVER, none, self._appeared, self._vanished
        )

    def show(self, note: Note) -> None:
        standing = self._standing.setdefault(note.key, _Standing(note))
        standing.note, standing.sent, standing.gone = note, None, False
        self._send_all()

    def change(self, note: Note) -> None:
        standing = self._standing.get(note.key)
        if standing is not None and not standing.gone and standing.note != note:
            self.show(note)

    def take_down(self, key: str) -> None:
        standing = self._standing.get(key)
        if standing is None:
            return
        standing.gone = True
        if not standing.asked:
            self._drop(standing)

    def close(self) -> None:
        if self._bus is None:
            return
        Gio.bus_unwatch_name(self._watch)
        for key in tuple(self._standing):
            self.take_down(key)
        self._wait_for_numbers()
        with suppress(GLib.Error):
            self._bus.flush_sync()
        self._bus = None

    def _wait_for_numbers(self) -> None:
        """Wait until what is being shown has a number, by which it is closed; not for long."""
        in_time = True

        def late() -> bool:
            nonlocal in_time
            in_time = False
            return False  # the timer is not needed any more

        timer = GLib.timeout_add(CLOSE_MS, late)
        while self._standing and in_time:
            GLib.MainContext.default().iteration(may_block=True)
        if in_time:
            GLib.source_remove(timer)

    # --- the server comes and goes ------------------------------------------------------------

    def _appeared(self, _bus: object, _name: str, owner: str) -> None:
        known = self._owner is None and self._able is not None  # our own call has started it
        self._looked = True
        if not known:
            self._forget_server()
        self._owner = owner
        self._send_all()

    def _vanished(self, _bus: object, _name: str) -> None:
        if self._looked:  # it was there: whoever ended it may not want it back
            self._forget_server()
            return
        self._looked = True
        self._send_all()

    def _forget_server(self) -> None:
        """What it showed went with it, and the next may be able to do other things."""
        self._owner, self._able = None, None
        self._server += 1
        for standing in self._standing.values():
            standing.number, standing.sent = 0, None

    # --- showing and taking away --------------------------------------------------------------

    def _send_all(self) -> None:
        """Show what does not stand yet; the call starts a server that can be started."""
        waiting = [s for s in self._standing.values() if s.sent is not s.note and not s.asked]
        if not waiting or not self._looked:
            return
        if self._able is None:
            self._ask_what_it_can()
            return
        for standing in waiting:
            self._send(standing, self._able)

    def _ask_what_it_can(self) -> None:
        if self._asking:
            return
        self._asking = True

        def answered(reply: Any) -> None:
            self._asking = False
            if reply is not None:
                self._able = frozenset(reply.unpack()[0])
                self._send_all()

        self._call("GetCapabilities", None, answered)

    def _send(self, standing: _Standing, able: frozenset[str]) -> None:
        server, note = self._server, standing.note
        standing.sent, standing.asked = note, True

        def answered(reply: Any) -> None:
            standing.asked = False
            # Who answers after a change is the one that has the name now: the call went to a name.
            if reply is not None and (server == self._server or self._owner is not None):
                (standing.number,) = reply.unpack()
                standing.sent = note
            elif server != self._server:
                standing.sent = None
            if standing.gone:
                self._drop(standing)
            elif standing.sent is not standing.note:
                self._send_all()

        self._call("Notify", _asked(note, standing.number, able), answered)

    def _drop(self, standing: _Standing) -> None:
        """Forget a note; on the screen it is closed."""
        if self._standing.get(standing.note.key) is standing:
            del self._standing[standing.note.key]
        if standing.number:
            self._call("CloseNotification", GLib.Variant("(u)", (standing.number,)))

    def _call(
        self, method: str, params: Any, answered: Callable[[Any], None] | None = None
    ) -> None:
        """Ask the server something; `answered` hears its answer, None when there is none."""

        def done(bus: Any, result: Any) -> None:
            try:
                reply = bus.call_finish(result)
            except GLib.Error as error:
                _log.info("notifications: %s: %s", method, error.message)
                reply = None
            if answered is not None and self._bus is not None:
                answered(reply)

        if self._bus is not None:
            none = Gio.DBusCallFlags.NONE
            self._bus.call(SERVER, _PATH, SERVER, method, params, None, none, ANSWER_MS, None, done)

    # --- what a person does with it -----------------------------------------------------------

    def _acted(self, *signal: Any) -> None:
        number, name = signal[-1].unpack()
        standing = self._numbered(number)
        if standing is None or (button := _button(standing.note, name)) is None:
            return
        self._drop(standing)  # some servers leave it standing
        self._pressed(standing.note, button)

    def _closed(self, *signal: Any) -> None:
        number, _why = signal[-1].unpack()
        if (standing := self._numbered(number)) is not None:
            standing.number = 0
            self._drop(standing)

    def _numbered(self, number: int) -> _Standing | None:
        return next((s for s in self._standing.values() if s.number == number), None)


def _may_come_forward(*signal: Any) -> None:
    """Keep what lets the window that a click is about to open come to the front (Wayland)."""
    os.environ[ACTIVATION] = signal[-1].unpack()[1]


def _session_bus() -> Any:
    try:
        return Gio.bus_get_sync(Gio.BusType.SESSION)
    except GLib.Error as error:
        _log.warning("no session bus, so no notifications: %s", error.message)
        return None


def _asked(note: Note, replaces: int, able: frozenset[str]) -> Any:
    """The arguments of Notify, in the words of what that server can do."""
    acts = "actions" in able and bool(note.buttons)
    last = note.next_step if acts else note.without_buttons
    title, body = note.title, "\n".join(line for line in (note.text, last) if line)
    if "body" not in able:
        title, body = f"{title} {body}".replace("\n", " "), ""
    elif "body-markup" in able:
        body = GLib.markup_escape_text(body)
    actions: list[str] = []
    if acts:
        actions = [_DEFAULT, ""]  # with a label Xfce draws it as one more button
        for place, button in enumerate(note.buttons):
            actions += [str(place), button.label]
    hints = {
        "urgency": GLib.Variant("y", _CRITICAL if note.critical else _NORMAL),
        "desktop-entry": GLib.Variant("s", "custode"),
    }
    stays = _UNTIL_SEEN if note.critical else _AS_THE_SERVER_LIKES
    icon = _ICON.as_uri()
    asked = ("Custode", replaces, icon, title, body, actions, hints, stays)
    return GLib.Variant("(susssasa{sv}i)", asked)


def _button(note: Note, name: str) -> Button | None:
    place = "0" if name == _DEFAULT else name
    if not place.isdecimal() or int(place) >= len(note.buttons):
        return None
    return note.buttons[int(place)]
