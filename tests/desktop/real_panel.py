"""A real panel (Xfce's) and its notifications on a display of one's own, to be photographed."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageChops, ImageGrab
from tests.desktop.session.desktop import Desktop
from tests.desktop.session.programs import running
from Xlib import X
from Xlib.display import Display
from Xlib.ext import xtest

PANEL_HEIGHT: Final = 34
_PATIENCE_S: Final = 20.0
_STILL_S: Final = 0.6  # a picture in which nothing has moved for so long is finished
_BACKDROP: Final = {"light": "#6f8fae", "dark": "#22303d"}
_PANEL: Final = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="dark-mode" type="bool" value="{dark}"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=8;x=0;y=0"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="length" type="uint" value="100"/>
      <property name="size" type="uint" value="{size}"/>
      <property name="icon-size" type="uint" value="22"/>
      <property name="plugin-ids" type="array">
        <value type="int" value="1"/><value type="int" value="2"/>
      </property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="separator">
      <property name="expand" type="bool" value="true"/>
      <property name="style" type="uint" value="0"/>
    </property>
    <property name="plugin-2" type="string" value="systray">
      <property name="square-icons" type="bool" value="true"/>
    </property>
  </property>
</channel>
"""


def missing() -> list[str]:
    """The Debian packages without which there are no photographs."""
    wanted = {
        "xfce4-panel": shutil.which("xfce4-panel"),
        "xfce4-notifyd": _library("notifyd/xfce4-notifyd"),
    }
    return [package for package, found in wanted.items() if found is None]


def _library(name: str) -> Path | None:
    return next(Path("/usr/lib").glob(f"*/xfce4/{name}"), None)


@contextlib.contextmanager
def panel(desktop: Desktop, scheme: str) -> Iterator[None]:
    """Have Xfce's panel, with its tray, at the bottom of that display, and its notifications."""
    folder = desktop.folder / "config/xfce4/xfconf/xfce-perchannel-xml"
    folder.mkdir(parents=True)
    dark = "true" if scheme == "dark" else "false"
    (folder / "xfce4-panel.xml").write_text(_PANEL.format(dark=dark, size=PANEL_HEIGHT), "utf-8")
    look = "Adwaita:dark" if scheme == "dark" else "Adwaita"
    environment = desktop.environment(GTK_THEME=look, XDG_CURRENT_DESKTOP="XFCE")
    _paint(desktop.display, _BACKDROP[scheme])
    with contextlib.ExitStack() as programs:
        # Our bus starts nothing by itself: the panel's settings come first.
        programs.enter_context(running([str(_library("xfconf/xfconfd"))], environment))
        _until_owned(desktop, "org.xfce.Xfconf")
        programs.enter_context(running(["xfce4-panel", "--disable-wm-check"], environment))
        programs.enter_context(running([str(_library("notifyd/xfce4-notifyd"))], environment))
        _until_owned(desktop, "org.kde.StatusNotifierWatcher")
        _until_owned(desktop, "org.freedesktop.Notifications")
        yield


def _until_owned(desktop: Desktop, name: str) -> None:
    until = time.monotonic() + _PATIENCE_S
    words = ("NameHasOwner", f"string:{name}")
    while time.monotonic() < until:
        asked = subprocess.run(
            [
                *("dbus-send", "--session", "--print-reply=literal", "--dest=org.freedesktop.DBus"),
                *("/", f"org.freedesktop.DBus.{words[0]}", words[1]),
            ],
            env=desktop.environment(),
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        if b"true" in asked.stdout:
            return
        time.sleep(0.1)
    raise TimeoutError(f"nobody is {name}")


def _paint(name: str, colour: str) -> None:
    """A backdrop, as desktops have one."""
    display = Display(name)
    with contextlib.closing(display):
        root: Any = display.screen().root
        pixel = display.screen().default_colormap.alloc_named_color
        root.change_attributes(background_pixel=pixel(colour).pixel)
        root.clear_area(0, 0, 0, 0)
        display.sync()


def click(name: str, x: int, y: int, button: int = 1) -> None:
    """Click there (XTEST)."""
    display = Display(name)
    with contextlib.closing(display):
        xtest.fake_input(display, X.MotionNotify, x=x, y=y)
        for kind in (X.ButtonPress, X.ButtonRelease):
            xtest.fake_input(display, kind, button)
        display.sync()


def photograph(name: str) -> Image.Image:
    """What the display shows, once nothing on it has moved for a moment.

    :raises TimeoutError: when it never comes to rest
    """
    until = time.monotonic() + _PATIENCE_S
    before, since = ImageGrab.grab(xdisplay=name), time.monotonic()
    while time.monotonic() < until:
        time.sleep(0.1)
        now = ImageGrab.grab(xdisplay=name)
        if ImageChops.difference(before, now).getbbox() is not None:
            before, since = now, time.monotonic()
        elif time.monotonic() - since > _STILL_S:
            return now
    raise TimeoutError("the display never comes to rest")


def colour_at(name: str, place: tuple[int, int]) -> tuple[int, ...]:
    """The colour of one dot of the display."""
    found = ImageGrab.grab(xdisplay=name).getpixel(place)
    assert isinstance(found, tuple), found
    return found


def until_changed(name: str, place: tuple[int, int], before: tuple[int, ...]) -> None:
    """Wait until that dot has another colour than before.

    :raises TimeoutError: when it keeps it
    """
    until = time.monotonic() + _PATIENCE_S
    while colour_at(name, place) == before:
        if time.monotonic() > until:
            raise TimeoutError(f"nothing is shown at {place}")
        time.sleep(0.1)
