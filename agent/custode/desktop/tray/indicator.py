"""The port `Tray` on pystray's AppIndicator backend. Everything private of pystray is used here.

pystray can do neither NeedsAttention nor a menu that changes while it is open, writes a temporary
PNG for each icon, and at its end talks to a notification server that may not be there. Of it remain
the icon's life and its main loop; icons come from our own folder, and the menu is changed in place.
Imported only after `toolkit.load` has set the stage.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gi.repository import GLib
from pystray._appindicator import AppIndicator
from pystray._appindicator import Icon as _AppIndicatorIcon

from custode.desktop.tray.drawn import DrawnMenu
from custode.desktop.tray.port import Look, Tray
from custode.desktop.view.sign import Standing

if TYPE_CHECKING:
    from custode.desktop.view.action import Action

NAME: Final = "custode"  # the item's Id: panels remember by it where the person put it
_STATUS: Final = AppIndicator.IndicatorStatus
_STATUSES: Final = {
    Standing.PASSIVE: _STATUS.PASSIVE,
    Standing.ACTIVE: _STATUS.ACTIVE,
    Standing.CALLING: _STATUS.ATTENTION,
}


class _Icon(_AppIndicatorIcon):  # type: ignore[misc] # pystray comes without types
    """pystray's, drawing nothing by itself."""

    def __init__(self, icons: Path, menu: DrawnMenu) -> None:
        super().__init__(NAME, icon=icons, title=NAME)
        self._appindicator.set_icon_theme_path(str(icons))
        self._menu_handle = menu.widget
        self._icon_valid = True
        self._there = True
        self._look: Look | None = None
        self._shown: tuple[str, str, Any] = ("", "", None)

    def look(self, look: Look) -> None:
        """Show it; on the main loop's thread."""
        self._look = look
        icon, status = look.icon, _STATUSES[look.standing]
        if not self._there:
            icon, status = "", _STATUS.PASSIVE
        wanted = (icon, look.title, status)
        shown, (old_icon, old_title, old_status) = self._appindicator, self._shown
        if (icon, look.title) != (old_icon, old_title):  # with what is read aloud in its place
            shown.set_icon_full(icon, look.title)
            # Shown in place of the other while the status says so.
            shown.set_attention_icon_full(icon, look.title)
        if look.title != old_title:
            shown.set_title(look.title)
        if status != old_status:
            shown.set_status(status)
        self._shown = wanted

    def place(self, *, there: bool) -> None:
        """Without a host show nothing; on the main loop's thread.

        The library falls back to an icon of X11's old kind then: 14 MB for SVG and fonts each time
        that a panel starts after us, and in few panels of today anything to be seen.
        """
        self._there = there
        if self._look is not None:
            self.look(self._look)

    def on_middle_click(self, widget: Any) -> None:
        """Which line of the menu a click with the middle button stands for."""
        self._appindicator.set_secondary_activate_target(widget)

    def _initialize(self) -> None:
        self._mark_ready()  # without pystray's notifier, which fails where there is no server

    def _finalize(self) -> None:
        self._appindicator.set_status(_STATUS.PASSIVE)

    def _show(self) -> None:
        """`look` did it."""

    def _hide(self) -> None:
        """The process ends with the icon."""

    def _update_icon(self) -> None:
        """`look` does it, without a temporary file."""

    def _update_menu(self) -> None:
        """The menu changes in place."""


class Indicator(Tray):
    """A StatusNotifierItem, by libayatana-appindicator."""

    def __init__(self, icons: Path, look: Look, on_action: Callable[[Action], None]) -> None:
        """`icons`: the folder of our own; `on_action` must not block."""
        self._menu = DrawnMenu(look.menu, on_action)
        self._icon = _Icon(icons, self._menu)
        self._lock = threading.Lock()
        self._wanted: Look | None = None
        self._icon._appindicator.set_menu(self._menu.widget)  # noqa: SLF001 - the one adapter
        self._look(look)

    def run(self) -> None:
        self._icon.run()

    def show(self, look: Look) -> None:
        with self._lock:
            waiting, self._wanted = self._wanted is not None, look
        if not waiting:  # else what waits for the main loop shows this one
            GLib.idle_add(self._show_wanted, priority=GLib.PRIORITY_DEFAULT)

    def place(self, *, there: bool) -> None:
        self._icon.place(there=there)

    def stop(self) -> None:
        self._icon.stop()

    def _show_wanted(self) -> bool:
        with self._lock:
            look, self._wanted = self._wanted, None
        if look is not None:
            self._look(look)
        return False

    def _look(self, look: Look) -> None:
        self._menu.draw(look.menu)
        self._icon.look(look)
        if (main := self._menu.main) is not None:
            self._icon.on_middle_click(main)


_: type[Tray] = Indicator
