"""The place where tray icons live, as a panel has it: watches, reads and clicks them.

    with TrayHost(address) as host:
        item = host.item()
        item.until(lambda shown: shown.status == "NeedsAttention", "the red dot")
        item.click("Utilità", "Cambia PIN…")

StatusNotifierItem and com.canonical.dbusmenu, as panels speak them.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, TypeVar

from tests.desktop.session.peer import PATIENCE_S, Call, News, OnBus, Peer, Refused, Signal

WATCHER: Final = "org.kde.StatusNotifierWatcher"
_PATH: Final = "/StatusNotifierWatcher"
_ITEM: Final = "org.kde.StatusNotifierItem"
_MENU: Final = "com.canonical.dbusmenu"
_LOOK_AGAIN_S: Final = 0.2  # not every change of a menu is told

T = TypeVar("T")


class Change(NamedTuple):
    """Something an item told of: `NewIcon`, `NewStatus`, …, `LayoutUpdated`."""

    at: float
    sender: str
    what: str
    body: tuple[Any, ...]


class Shown(NamedTuple):
    """What a panel shows of an item."""

    id: str
    status: str
    icon: str
    attention_icon: str
    theme_path: str
    title: str
    label: str

    @property
    def icon_now(self) -> str:
        """The icon that is to be seen in this status."""
        return self.attention_icon if self.status == "NeedsAttention" else self.icon


class Entry(NamedTuple):
    """One line of a menu; a separator has no label."""

    id: int
    label: str
    enabled: bool
    checked: bool
    children: tuple[Entry, ...]

    def walk(self) -> Iterator[Entry]:
        yield self
        for child in self.children:
            yield from child.walk()


class TrayHost(OnBus):
    """Watcher and host in one, present while it is open."""

    def __init__(self, address: str) -> None:
        self.peer = Peer(address)
        self.news = News()
        self.changes: list[Change] = []
        self._items: dict[str, str] = {}
        self.peer.serve(
            _PATH,
            WATCHER,
            {
                "RegisterStatusNotifierItem": self._register,
                "RegisterStatusNotifierHost": lambda _call: ("", ()),
            },
            {
                "IsStatusNotifierHostRegistered": lambda: ("b", True),
                "ProtocolVersion": lambda: ("i", 0),
                "RegisteredStatusNotifierItems": lambda: ("as", list(self._names())),
            },
        )
        self.peer.on_signal(self._gone, interface="org.freedesktop.DBus", member="NameOwnerChanged")
        self.peer.on_signal(self._changed, interface=_ITEM)
        self.peer.on_signal(self._changed, interface=_MENU)
        self.come_back()

    def leave(self) -> None:
        """Go, as a panel that crashed."""
        self.peer.release(WATCHER)
        with self.news.note():
            self._items.clear()

    def come_back(self) -> None:
        """Be there (again)."""
        self.peer.own(WATCHER)
        self.peer.emit(_PATH, WATCHER, "StatusNotifierHostRegistered")

    def item(self, patience_s: float = PATIENCE_S) -> Item:
        """Wait for an item to register; the last one that did."""
        self.news.until(lambda: self._items, "a tray icon", patience_s)
        sender, path = list(self._items.items())[-1]
        return Item(self, sender, path)

    def items(self) -> int:
        """How many there are now."""
        return len(self._items)

    def told_since(self, seen: int) -> bool:
        """Whether an item has told of something since there were so many changes."""
        return len(self.changes) > seen

    def until_empty(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until no icon is left."""
        self.news.until(lambda: not self._items, "the end of the tray icon", patience_s)

    def _names(self) -> Iterator[str]:
        return (sender + path for sender, path in self._items.items())

    def _register(self, call: Call) -> tuple[str, tuple[Any, ...]]:
        (told,) = call.body  # an object's path from AppIndicator, a bus name from Qt
        path = told if told.startswith("/") else "/StatusNotifierItem"
        with self.news.note():
            self._items.pop(call.sender, None)
            self._items[call.sender] = path
            self.changes.append(Change(time.monotonic(), call.sender, "Registered", (path,)))
        self.peer.emit(_PATH, WATCHER, "StatusNotifierItemRegistered", "s", call.sender + path)
        return "", ()

    def _gone(self, heard: Signal) -> None:
        name, _, owner = heard.body
        if not owner and name in self._items:
            with self.news.note():
                del self._items[name]
                self.changes.append(Change(heard.at, name, "Gone", ()))

    def _changed(self, heard: Signal) -> None:
        with self.news.note():
            self.changes.append(Change(heard.at, heard.sender, heard.member, heard.body))


class Item:
    """One icon in the tray."""

    def __init__(self, host: TrayHost, sender: str, path: str) -> None:
        self.host = host
        self.sender = sender
        self.path = path

    def read(self) -> Shown:
        """What is shown now."""
        found = self.host.peer.get_all((self.sender, self.path), _ITEM)
        return Shown(
            found["Id"],
            found["Status"],
            found["IconName"],
            found.get("AttentionIconName", ""),
            found.get("IconThemePath", ""),
            found.get("Title", ""),
            found.get("XAyatanaLabel", ""),
        )

    def menu(self) -> Entry:
        """The whole menu, as it would be drawn now; hidden lines are left out."""
        to = (self.sender, self.host.peer.get((self.sender, self.path), _ITEM, "Menu"))
        self.host.peer.call(to, _MENU, "AboutToShow", "i", 0)
        _, layout = self.host.peer.call(to, _MENU, "GetLayout", "iias", 0, -1, [])
        return _entry(layout)

    def labels(self) -> list[str]:
        """Every line of the menu, from top to bottom, submenus included."""
        return [entry.label for entry in self.menu().walk() if entry.label]

    def entry(self, *labels: str) -> Entry:
        """The line that is reached by these labels.

        :raises LookupError: when there is none
        """
        found = self.menu()
        for label in labels:
            there = {child.label: child for child in found.children}
            if label not in there:
                raise LookupError(f"{label!r} is not in the menu: {list(there)}")
            found = there[label]
        return found

    def click(self, *labels: str) -> None:
        """Click a line, as a person would: found by what it says, at this moment.

        :raises LookupError: when there is none
        :raises ValueError: when it is grey
        """
        until = time.monotonic() + PATIENCE_S
        while True:
            entry = self.entry(*labels)
            if not entry.enabled:
                raise ValueError(f"{labels[-1]!r} cannot be clicked")
            try:
                self._send(entry.id, "clicked")
            except Refused:  # the menu was made anew under our hands: every line has a new number
                if time.monotonic() > until:
                    raise
            else:
                return

    def _send(self, entry: int, what: str) -> None:
        to = (self.sender, self.host.peer.get((self.sender, self.path), _ITEM, "Menu"))
        values = (entry, what, ("i", 0), 0)
        self.host.peer.call(to, _MENU, "Event", "isvu", *values)

    def until(
        self, wanted: Callable[[Shown], Any], what: str, patience_s: float = PATIENCE_S
    ) -> Shown:
        """Wait until it shows what is wanted."""
        return self._until(self.read, wanted, what, patience_s)

    def until_menu(
        self, wanted: Callable[[list[str]], Any], what: str, patience_s: float = PATIENCE_S
    ) -> list[str]:
        """Wait until the menu's labels are as wanted."""
        return self._until(self.labels, wanted, what, patience_s)

    def _until(
        self, read: Callable[[], T], wanted: Callable[[T], Any], what: str, patience_s: float
    ) -> T:
        until = time.monotonic() + patience_s
        while True:
            seen = len(self.host.changes)
            found = read()
            more = functools.partial(self.host.told_since, seen)
            if wanted(found):
                return found
            if time.monotonic() > until:
                raise AssertionError(f"waited {patience_s:.0f} s in vain for {what}: {found}")
            self.host.news.pause(more, _LOOK_AGAIN_S)


def _entry(layout: tuple[int, dict[str, tuple[str, Any]], list[tuple[str, Any]]]) -> Entry:
    number, told, children = layout
    about = {name: value for name, (_, value) in told.items()}
    made = (_entry(child) for _, child in children if child[1].get("visible", ("b", True))[1])
    label = "" if about.get("type") == "separator" else _plain(about.get("label", ""))
    return Entry(
        number, label, about.get("enabled", True), about.get("toggle-state") == 1, tuple(made)
    )


def _plain(label: str) -> str:
    """Without the marks of access keys: `_` stands before the letter, `__` is an underscore."""
    return label.replace("__", "\0").replace("_", "").replace("\0", "_")
