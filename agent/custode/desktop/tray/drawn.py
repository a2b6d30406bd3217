"""The menu as GTK draws it, changed in place: a panel that has it open keeps it open.

Lines that stay only change their words; what comes or goes is put in or taken out at its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gi.repository import GLib, Gtk

from custode.desktop.view.menu import SEPARATOR, Item, Menu

if TYPE_CHECKING:
    from custode.desktop.view.action import Action

    OnAction = Callable[[Action], None]


class _Line:
    """One line, and what is drawn for it."""

    def __init__(self, item: Item, on_action: OnAction) -> None:
        self.item = item
        self._on_action = on_action
        self._adapting = False
        self.below: _Lines | None = None
        if item is SEPARATOR:
            self.widget = Gtk.SeparatorMenuItem()
        elif item.checked is not None:
            self.widget = Gtk.CheckMenuItem.new_with_label(item.label)
            self.widget.set_draw_as_radio(True)
        else:
            self.widget = Gtk.MenuItem.new_with_label(item.label)
        if item.children:
            self.below = _Lines(on_action)
            self.widget.set_submenu(self.below.widget)
        elif item is not SEPARATOR:
            self.widget.connect("activate", self._activated)
        self.adapt(item)
        self.widget.show()

    def fits(self, item: Item) -> bool:
        """Whether the widget can become that line."""
        return _kind(self.item) == _kind(item)

    def adapt(self, item: Item) -> None:
        """Become that line."""
        self.item = item
        if item is SEPARATOR:
            return
        self._adapting = True
        if self.widget.get_label() != item.label:
            self.widget.set_label(item.label)
        if self.widget.get_sensitive() != item.enabled:
            self.widget.set_sensitive(item.enabled)
        if item.checked is not None and self.widget.get_active() != item.checked:
            self.widget.set_active(item.checked)
        self._adapting = False
        if self.below is not None:
            self.below.draw(item.children)

    def _activated(self, _widget: Any) -> None:
        if self._adapting or self.item.action is None:
            return
        self._on_action(self.item.action)
        if self.item.checked is not None:
            # GTK has turned it over; what is chosen says the agent, when it has been done.
            GLib.idle_add(self._turn_back)

    def _turn_back(self) -> bool:
        self.adapt(self.item)
        return False


def _kind(item: Item) -> tuple[bool, bool, bool]:
    return item is SEPARATOR, item.checked is not None, bool(item.children)


class _Lines:
    """One menu or submenu."""

    def __init__(self, on_action: OnAction) -> None:
        self.widget = Gtk.Menu.new()
        self.lines: list[_Line] = []
        self._on_action = on_action

    def draw(self, menu: Menu) -> None:
        """Show that menu: what is alike at both ends stays, between them it is made anew."""
        first = 0
        shorter = min(len(self.lines), len(menu))
        while first < shorter and self.lines[first].fits(menu[first]):
            first += 1
        last = 0
        while last < shorter - first and self.lines[-1 - last].fits(menu[-1 - last]):
            last += 1
        gone = self.lines[first : len(self.lines) - last]
        fresh = [_Line(item, self._on_action) for item in menu[first : len(menu) - last]]
        for line in gone:
            self.widget.remove(line.widget)
            line.widget.destroy()
        for place, line in enumerate(fresh, first):
            self.widget.insert(line.widget, place)
        self.lines[first : len(self.lines) - last] = fresh
        for line, item in zip(self.lines, menu, strict=True):
            line.adapt(item)


class DrawnMenu(_Lines):
    """The whole menu."""

    def __init__(self, menu: Menu, on_action: OnAction) -> None:
        super().__init__(on_action)
        self.draw(menu)

    @property
    def main(self) -> Any:
        """The widget of the line that a click beside the menu stands for."""
        return next((line.widget for line in self.lines if line.item.main), None)
