"""Loads GTK and pystray as lean as they go, or says why there can be no tray here."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from custode.desktop.tray.indicator import Indicator

_DISPLAYS: Final = ("WAYLAND_DISPLAY", "DISPLAY")
# For the time of loading only: the windows that are opened from here want none of it.
_SETTINGS: Final = {
    # The others that pystray chooses from can show no menu (xorg), or not everywhere (gtk).
    "PYSTRAY_BACKEND": "appindicator",
    "GDK_GL": "disable",  # half of the memory, for nothing that is drawn here
    "NO_AT_BRIDGE": "1",  # the panel draws the menu, and tells assistive programs of it
}


def check_display(environ: dict[str, str] | None = None) -> None:
    """Refuse where there is no desktop.

    :raises CustodeError: NO_DISPLAY
    """
    found = os.environ if environ is None else environ
    if not any(found.get(name) for name in _DISPLAYS):
        raise CustodeError(ErrorCode.NO_DISPLAY)


def load() -> type[Indicator]:
    """Load what draws the tray.

    :raises CustodeError: NO_DISPLAY; PART_MISSING when a library is not installed
    """
    check_display()
    # PyGObject loads asyncio, and that OpenSSL, if it is there: 4 MB that nobody here would use.
    sys.modules.setdefault("ssl", None)  # type: ignore[arg-type] # None: as if not installed
    with _settings():
        try:
            import gi

            gi.require_version("Gtk", "3.0")
            from gi.repository import Gtk

            if not Gtk.init_check()[0]:
                raise CustodeError(ErrorCode.NO_DISPLAY)
            from custode.desktop.tray.indicator import Indicator
        except (ImportError, ValueError) as exc:  # ValueError: gi lacks a library's description
            raise missing() from exc
    return Indicator


def missing() -> CustodeError:
    """What is told where a library is not installed."""
    why = t(
        "the libraries of the tray (Debian: gir1.2-ayatanaappindicator3-0.1, gir1.2-gtk-3.0;"
        " Python: pystray, PyGObject)"
    )
    return CustodeError(ErrorCode.PART_MISSING, why=why)


@contextmanager
def _settings() -> Iterator[None]:
    before: dict[str, Any] = {name: os.environ.get(name) for name in _SETTINGS}
    os.environ.update(_SETTINGS)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
