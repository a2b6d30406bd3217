"""Windows of other programs, as an assistive program has them: read and worked through AT-SPI.

    with Reader(a11y_address, keyboard) as reader:
        window = reader.window("Salva una copia di sicurezza")
        window.press("Avanti")
        window.until(lambda tree: tree.says("Copia salvata"), "the end")

Spoken over D-Bus by ourselves: libatspi would bring GLib's main loop, and no time-outs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from tests.desktop.session.keyboard import Keyboard
from tests.desktop.session.peer import PATIENCE_S, Peer, Refused

_ACCESSIBLE: Final = "org.a11y.atspi.Accessible"
_ACTION: Final = "org.a11y.atspi.Action"
_COMPONENT: Final = "org.a11y.atspi.Component"
_EDITABLE: Final = "org.a11y.atspi.EditableText"
_TEXT: Final = "org.a11y.atspi.Text"
_VALUE: Final = "org.a11y.atspi.Value"
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"
_BUS: Final = ("org.freedesktop.DBus", "/org/freedesktop/DBus")
_DESKTOP: Final = ("org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root")
_LABELLED_BY: Final = 2  # AtspiRelationType
_LOOK_AGAIN_S: Final = 0.05

# Numbers of AtspiStateType that we look at.
_STATES: Final = {
    1: "active",
    4: "checked",
    7: "editable",
    8: "enabled",
    11: "focusable",
    12: "focused",
    23: "selected",
    24: "sensitive",
    25: "showing",
    30: "visible",
    41: "checkable",
}

Place = tuple[str, str]
"""Whom to ask for something, and its path there."""


Answers = tuple[Future[tuple[Any, ...]], ...]
"""What an element will have said of itself."""


class Missing(LookupError):
    """What was looked for is not in the tree; the text says what is."""


class Node(NamedTuple):
    """One element of a window, and what is below it, as they were when read."""

    place: Place
    role: str
    name: str
    description: str
    states: frozenset[str]
    interfaces: frozenset[str]
    label: str
    """What a label beside it calls it: a combo box has no other name."""
    children: tuple[Node, ...]

    def walk(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def showing(self) -> bool:
        return "showing" in self.states

    @property
    def enabled(self) -> bool:
        return "enabled" in self.states

    @property
    def checked(self) -> bool:
        return "checked" in self.states

    def answers_to(self, name: str) -> bool:
        """Whether it is a control of that name that is shown."""
        return self.showing and "focusable" in self.states and name in {self.label, self.name}

    def lines(self) -> list[Node]:
        """The lines of a list, or of a combo box's."""
        return [child for child in self.walk() if child.role in {"list item", "table cell"}]

    @property
    def chosen(self) -> str:
        """The line that is chosen now; a combo box is called by it."""
        if self.role == "combo box":
            return self.name
        return next((line.name for line in self.lines() if "selected" in line.states), "")

    def find(self, name: str, role: str | None = None) -> Node:
        """What is shown by that name, and is of that role where one is given.

        :raises Missing: when nothing is
        """
        for node in self.walk():
            if node.showing and node.name == name and role in {None, node.role}:
                return node
        raise Missing(f"no {role or 'element'} {name!r} among: {self.told()}")

    def control(self, name: str) -> Node:
        """What is shown by that name and can be worked: labels often have the same one.

        :raises Missing: when nothing is
        """
        for node in self.walk():
            if node.answers_to(name):
                return node
        raise Missing(f"no control {name!r} among: {self.told()}")

    def has(self, name: str) -> bool:
        """Whether something of that name is shown."""
        return any(node.showing and node.name == name for node in self.walk())

    def says(self, part: str) -> bool:
        """Whether that stands there to be read, in a name or in a description."""
        return any(
            node.showing and (part in node.name or part in node.description) for node in self.walk()
        )

    def told(self) -> list[str]:
        """All that is shown, for the messages of tests."""
        return [f"{node.role}: {node.name}" for node in self.walk() if node.showing and node.name]


class Window:
    """A window that is open, looked at anew at each question."""

    def __init__(self, reader: Reader, place: Place, title: str) -> None:
        self.reader = reader
        self.place = place
        self.title = title

    def tree(self) -> Node:
        """What it holds now.

        :raises Missing: when it is closed
        """
        return self.reader.tree(self.place)

    def until(
        self, wanted: Callable[[Node], Any], what: str, patience_s: float = PATIENCE_S
    ) -> Node:
        """Wait until the tree is as wanted; gives the tree.

        :raises AssertionError: when it is not in time
        """
        until = time.monotonic() + patience_s
        while True:
            tree = self.tree()
            if wanted(tree):
                return tree
            if time.monotonic() > until:
                raise AssertionError(f"waited in vain for {what}; there is: {tree.told()}")
            time.sleep(_LOOK_AGAIN_S)

    def until_says(self, part: str, patience_s: float = PATIENCE_S) -> Node:
        """Wait until that stands there to be read."""
        return self.until(lambda tree: tree.says(part), repr(part), patience_s)

    def until_closed(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until it is gone."""
        until = time.monotonic() + patience_s
        while self.reader.is_open(self):
            if time.monotonic() > until:
                raise AssertionError(f"{self.title!r} stays open: {self.tree().told()}")
            time.sleep(_LOOK_AGAIN_S)

    def press(self, name: str, patience_s: float = PATIENCE_S) -> None:
        """Press a button, tick a box, choose an option: as soon as it is there and not grey."""
        node = self._ready(name, patience_s)
        self.reader.act(node.place, "Press", "Toggle")

    def write(self, name: str, text: str, patience_s: float = PATIENCE_S) -> None:
        """Put a text into a field."""
        node = self._ready(name, patience_s)
        (done,) = self.reader.ask(node.place, _EDITABLE, "SetTextContents", "s", text)
        assert done, f"{name!r} took no text"

    def choose(self, name: str, option: str, patience_s: float = PATIENCE_S) -> None:
        """Choose one line of a list or of a combo box.

        :raises Missing: when it has no such line
        """
        names = [line.name for line in self._ready(name, patience_s).lines()]
        if option not in names:
            raise Missing(f"no {option!r} among: {names}")
        self.focus(name)
        # With keys: chosen through AT-SPI, a line is selected without becoming the current one.
        self.reader.keyboard.press("Home")
        for _ in range(names.index(option)):
            self.reader.keyboard.press("Down")
        self.until(lambda tree: tree.control(name).chosen == option, f"{name}: {option}")

    def text(self, name: str) -> str:
        """What stands in a field."""
        place = self.tree().control(name).place
        (text,) = self.reader.ask(place, _TEXT, "GetText", "ii", 0, -1)
        return str(text)

    def value(self, name: str) -> float:
        """How far a bar is."""
        place = self.tree().find(name).place
        return float(self.reader.peer.get(place, _VALUE, "CurrentValue"))

    def focus(self, name: str) -> None:
        """Put the keyboard there, with Tab where it cannot be put directly (combo boxes)."""
        self.reader.keyboard.give_to(self.title)
        place = self._ready(name, PATIENCE_S).place
        if not self.reader.ask(place, _COMPONENT, "GrabFocus")[0]:
            for _ in self.tree().walk():
                if "focused" in self.tree().control(name).states:
                    break
                self.reader.keyboard.press("Tab")
        self.until(lambda tree: "focused" in tree.control(name).states, f"the keyboard in {name!r}")

    def _ready(self, name: str, patience_s: float) -> Node:
        def ready(tree: Node) -> bool:
            return any(node.enabled and node.answers_to(name) for node in tree.walk())

        return self.until(ready, f"{name!r} to be pressed", patience_s).control(name)


class Reader:
    """Reads all programs that tell the accessibility bus of their windows."""

    def __init__(self, address: str, keyboard: Keyboard) -> None:
        self.peer = Peer(address)
        self.keyboard = keyboard

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.peer.close()

    def windows(self) -> list[Window]:
        """Every window that is open now, of every program."""
        found = []
        for program in self._children(_DESKTOP):
            try:
                for place in self._children(program):
                    tree = self._look(place)
                    if tree.showing:
                        found.append(Window(self, place, tree.name))
            except (Refused, TimeoutError):
                continue  # it has just ended, or is starting
        return found

    def window(self, title: str | Callable[[str], bool], patience_s: float = PATIENCE_S) -> Window:
        """Wait for a window with that title.

        :raises AssertionError: when there is none in time
        """
        fits = title if callable(title) else lambda told: told == title
        until = time.monotonic() + patience_s
        while True:
            windows = self.windows()
            for window in reversed(windows):
                if fits(window.title):
                    return window
            if time.monotonic() > until:
                titles = [window.title for window in windows]
                raise AssertionError(f"no window {title!r} among {titles}")
            time.sleep(_LOOK_AGAIN_S)

    def is_open(self, window: Window) -> bool:
        """Whether it still is."""
        try:
            return self._look(window.place).showing
        except Refused:
            return False

    def tree(self, place: Place) -> Node:
        """Read everything below; a level costs one round trip, so that windows stay quick.

        :raises Missing: when it is not there any more
        """
        levels = [[place]]
        below: dict[Place, list[Place]] = {}
        try:
            while levels[-1]:
                asked = [(one, self._ask(one, _ACCESSIBLE, "GetChildren")) for one in levels[-1]]
                for one, answer in asked:
                    below[one] = _places(answer.result(PATIENCE_S))
                levels.append([child for one in levels[-1] for child in below[one]])
            asked_about = {one: self._ask_about(one) for level in levels for one in level}
            names = {
                one: str(asked[1].result(PATIENCE_S)[0][1]) for one, asked in asked_about.items()
            }
            return _grown(place, below, asked_about, names)
        except Refused as refused:
            raise Missing(f"it is gone: {refused}") from refused

    def act(self, place: Place, *wanted: str) -> None:
        """Do the first of these that can be done with it.

        :raises Missing: when it can do none
        """
        (actions,) = self.ask(place, _ACTION, "GetActions")
        known = [names[0] for names in actions]
        for name in wanted:
            if name in known:
                self.ask(place, _ACTION, "DoAction", "i", known.index(name))
                return
        raise Missing(f"it can only {known}")

    def ask(
        self, place: Place, interface: str, member: str, signature: str = "", *values: Any
    ) -> tuple[Any, ...]:
        """Ask an element something."""
        return self._ask(place, interface, member, signature, *values).result(PATIENCE_S)

    def _ask(
        self, place: Place, interface: str, member: str, signature: str = "", *values: Any
    ) -> Future[tuple[Any, ...]]:
        return self.peer.ask(place, interface, member, signature, *values)

    def _children(self, place: Place) -> list[Place]:
        return _places(self.ask(place, _ACCESSIBLE, "GetChildren"))

    def _look(self, place: Place) -> Node:
        return _made(place, self._ask_about(place), (), {})

    def _ask_about(self, place: Place) -> Answers:
        return (
            self._ask(place, _ACCESSIBLE, "GetRoleName"),
            self._ask(place, _PROPERTIES, "Get", "ss", _ACCESSIBLE, "Name"),
            self._ask(place, _PROPERTIES, "Get", "ss", _ACCESSIBLE, "Description"),
            self._ask(place, _ACCESSIBLE, "GetState"),
            self._ask(place, _ACCESSIBLE, "GetInterfaces"),
            self._ask(place, _ACCESSIBLE, "GetRelationSet"),
        )


def _places(answer: tuple[Any, ...]) -> list[Place]:
    return [(name, path) for name, path in answer[0] if not path.endswith("/null")]


def _grown(
    place: Place,
    below: dict[Place, list[Place]],
    asked: dict[Place, Answers],
    names: dict[Place, str],
) -> Node:
    children = tuple(_grown(child, below, asked, names) for child in below[place])
    return _made(place, asked[place], children, names)


def _made(
    place: Place, asked: Answers, children: tuple[Node, ...], names: dict[Place, str]
) -> Node:
    answers = (one.result(PATIENCE_S)[0] for one in asked)
    role, name, description, states, interfaces, relations = answers
    bits = states[0] | states[1] << 32
    labels = [(bus, path) for kind, all_ in relations if kind == _LABELLED_BY for bus, path in all_]
    return Node(
        place,
        role,
        name[1],
        description[1],
        frozenset(word for bit, word in _STATES.items() if bits >> bit & 1),
        frozenset(interfaces),
        " ".join(names.get(label, "") for label in labels),
        children,
    )
