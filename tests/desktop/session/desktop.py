"""A whole desktop of one's own: display, session bus, accessibility, tray, notifications.

    with Desktop() as desktop, desktop.tray() as tray, desktop.notifications() as bubbles:
        subprocess.Popen([…, "-m", "custode.desktop.tray"], env=desktop.environment())
        tray.item().click("Apri Custode…")
        desktop.reader.window("Custode").press("Salva una copia…")

Nothing of it touches the desktop that one sits at; at the end nothing of it is left.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.desktop.session.accessible import Reader
from tests.desktop.session.buses import accessibility_bus, session_bus
from tests.desktop.session.keyboard import Keyboard
from tests.desktop.session.notifications import Notifications
from tests.desktop.session.screen import display
from tests.desktop.session.tray_host import TrayHost

# What leads to the desktop of whoever runs us, or would have a program look otherwise than it does.
_NOT_OURS: Final = (
    *("WAYLAND_DISPLAY", "XAUTHORITY", "SESSION_MANAGER", "XDG_CURRENT_DESKTOP"),
    *("QT_QPA_PLATFORM", "LANGUAGE", "LC_ALL", "LC_MESSAGES"),
)
_LOCALES: Final = {"it": "it_IT.UTF-8", "en": "en_US.UTF-8"}


class Desktop:
    """Open while in `with`."""

    display: str
    address: str
    """Of the session bus."""
    reader: Reader
    """Of the windows, when there is accessibility."""

    def __init__(
        self,
        *,
        size: tuple[int, int] = (1280, 800),
        language: str = "it",
        accessible: bool = True,
    ) -> None:
        self._size = size
        self._language = language
        self._accessible = accessible
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opened:
            made = opened.enter_context(tempfile.TemporaryDirectory(prefix="custode-desktop-"))
            self.folder = Path(made)
            self.runtime = self.folder / "runtime"
            self.runtime.mkdir(mode=0o700)
            (self.folder / "home").mkdir()
            self.display = opened.enter_context(display(*self._size))
            self.keyboard = opened.enter_context(Keyboard(self.display))
            self.address = ""
            bus = session_bus(self.folder, self.environment())
            self.address = opened.enter_context(bus)
            if self._accessible:
                a11y = accessibility_bus(self.address, self.environment())
                reader = Reader(opened.enter_context(a11y), self.keyboard)
                self.reader = opened.enter_context(reader)
            self._open = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def environment(self, **more: str) -> dict[str, str]:
        """What programs on this desktop find in their environment."""
        found = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
        found |= {
            "DISPLAY": self.display,
            "DBUS_SESSION_BUS_ADDRESS": self.address,
            "XDG_RUNTIME_DIR": str(self.runtime),
            "HOME": str(self.folder / "home"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "XDG_DATA_HOME": str(self.folder / "data"),
            "QT_LOGGING_RULES": "default.warning=false;qt.qpa.theme.gnome.warning=false",
            "LANG": _LOCALES[self._language],  # read by us, whether it is installed or not
        }
        if not self._accessible:
            found["NO_AT_BRIDGE"] = "1"
        return found | more

    def tray(self) -> TrayHost:
        """A place for tray icons, in `with`."""
        return TrayHost(self.address)

    def notifications(self, *, there: bool = True) -> Notifications:
        """A place for notifications, in `with`; `there=False`: it comes with `come_back()`."""
        return Notifications(self.address, there=there)
