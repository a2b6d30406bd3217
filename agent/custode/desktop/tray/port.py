"""What a tray is to the rest of the program; pystray is behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from custode.desktop.view.sign import Standing

if TYPE_CHECKING:
    from custode.desktop.view.menu import Menu


@dataclass(frozen=True, slots=True)
class Look:
    """What is to be seen: how it stands, which icon, its title, its menu."""

    standing: Standing
    icon: str
    """Its name, among our own."""
    title: str
    menu: Menu


class Tray(Protocol):
    """One icon in the tray."""

    def run(self) -> None:
        """Show it and serve clicks until `stop`; on the main thread."""

    def show(self, look: Look) -> None:
        """Look like that from now on. From any thread; only what differs is touched."""

    def place(self, *, there: bool) -> None:
        """Take in whether somebody shows tray icons; on the main thread."""

    def stop(self) -> None:
        """Have `run` return. From any thread."""
