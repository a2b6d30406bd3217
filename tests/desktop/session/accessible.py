"""Windows of other programs, as an assistive program has them: read and worked through AT-SPI.

    with Reader(a11y_address, keyboard) as reader:
        window = reader.window("Salva una copia di sicurezza")
        window.press("Avanti")
        window.until(lambda tree: tree.says("Copia salvata"), "the end")

Spoken over D-Bus by ourselves: libatspi would bring GLib's main loop, and no time-outs.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from tests.desktop.session.keyboard import Keyboard
from tests.desktop.session.node import (
    ACCESSIBLE,
    ASKED,
    RELATIONS,
    Missing,
    Node,
    Place,
    Told,
    grown,
    labels,
    told,
)
from tests.desktop.session.peer import PATIENCE_S, OnBus, Peer, Refused

_ACTION: Final = "org.a11y.atspi.Action"
_COMPONENT: Final = "org.a11y.atspi.Component"
_EDITABLE: Final = "org.a11y.atspi.EditableText"
_TEXT: Final = "org.a11y.atspi.Text"
_VALUE: Final = "org.a11y.atspi.Value"
_DESKTOP: Final = ("org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root")
_LOOK_AGAIN_S: Final = 0.1


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
            try:
                tree = self.tree()
            except Missing:  # it was filled anew while it was read
                if not self.reader.is_open(self):
                    raise
                time.sleep(_LOOK_AGAIN_S)
                continue
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


class Reader(OnBus):
    """Reads all programs that tell the accessibility bus of their windows."""

    def __init__(self, address: str, keyboard: Keyboard) -> None:
        self.peer = Peer(address)
        self.keyboard = keyboard
        self._roles: dict[int, str] = {}

    def windows(self, beside: Window | None = None) -> list[Window]:
        """Every window and dialog that is open now; of other programs than that window's alone."""
        found = []
        for program in self._children(_DESKTOP):
            if beside is not None and program[0] == beside.place[0]:
                continue
            try:
                for place in self._children(program):
                    node = self._look(place)
                    if node.showing:
                        found.append(Window(self, place, node.name))
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

    def window_with(self, control: str, patience_s: float = PATIENCE_S) -> Window:
        """Wait for a window that has such a control, whatever its title.

        :raises AssertionError: when there is none in time
        """
        until = time.monotonic() + patience_s
        while True:
            windows = self.windows()
            for window in reversed(windows):
                with contextlib.suppress(Missing):
                    window.tree().control(control)
                    return window
            if time.monotonic() > until:
                titles = [window.title for window in windows]
                raise AssertionError(f"no window with {control!r} among {titles}")
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
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self._tree(place)
            except Refused as refused:
                # Something in it has just been made anew; or it is the window itself that is gone.
                if not self._is_there(place) or time.monotonic() > until:
                    raise Missing(f"it is gone: {refused}") from refused

    def _tree(self, place: Place) -> Node:
        said: dict[Place, Told] = {}
        level = [place]
        while level:
            asked = {one: [self._ask(one, *question) for question in ASKED] for one in level}
            for one, answers in asked.items():
                said[one] = self._told(one, answers)
            level = [
                child
                for one in level
                if said[one].opens or one == place
                for child in said[one].children
            ]
        return grown(place, said, self._labels(said))

    def _told(self, place: Place, asked: list[Future[tuple[Any, ...]]]) -> Told:
        answers = tuple(answer.result(PATIENCE_S)[0] for answer in asked)
        kind = answers[0]
        if kind not in self._roles:
            (self._roles[kind],) = self.ask(place, ACCESSIBLE, "GetRoleName")
        return told(self._roles[kind], answers)

    def _labels(self, said: dict[Place, Told]) -> dict[Place, str]:
        """What stands beside combo boxes: they have no name of their own."""
        boxes = [place for place, one in said.items() if one.role == "combo box"]
        asked = {place: self._ask(place, *RELATIONS) for place in boxes}
        return {
            place: " ".join(
                said[label].name for label in labels(answer.result(PATIENCE_S)[0]) if label in said
            )
            for place, answer in asked.items()
        }

    def _look(self, place: Place) -> Node:
        """The element alone."""
        asked = [self._ask(place, *question) for question in ASKED]
        return grown(place, {place: self._told(place, asked)}, {})

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

    def _is_there(self, place: Place) -> bool:
        try:
            self._children(place)
        except Refused:
            return False
        return True

    def _children(self, place: Place) -> tuple[Place, ...]:
        (found,) = self.ask(place, ACCESSIBLE, "GetChildren")
        return tuple((name, path) for name, path in found if not path.endswith("/null"))
