"""One window as it was read through AT-SPI: its elements, what they say and what they can."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

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

SECRET: Final = "password text"
_PASSWORD_TEXT: Final = 40  # AtspiRole, which Qt knows and its name of it does not
_LABELLED_BY: Final = 2  # AtspiRelationType

Place = tuple[str, str]
"""Whom to ask for something, and its path there."""
ACCESSIBLE: Final = "org.a11y.atspi.Accessible"
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"
ASKED: Final[tuple[tuple[str, ...], ...]] = (
    (ACCESSIBLE, "GetRole"),
    (ACCESSIBLE, "GetState"),
    (_PROPERTIES, "Get", "ss", ACCESSIBLE, "Name"),
    (_PROPERTIES, "Get", "ss", ACCESSIBLE, "Description"),
    (ACCESSIBLE, "GetChildren"),
)
RELATIONS: Final = (ACCESSIBLE, "GetRelationSet")


class Told(NamedTuple):
    """What an element said of itself: the answers to `ASKED`, its role in words."""

    role: str
    states: frozenset[str]
    name: str
    description: str
    children: tuple[Place, ...]

    @property
    def opens(self) -> bool:
        """Whether what is below can matter: it is seen, or is the list that a combo box opens."""
        return "showing" in self.states or self.role in {"combo box", "list"}


def told(role: str, answers: tuple[Any, ...]) -> Told:
    """Read the answers to `ASKED`."""
    kind, states, (_, name), (_, description), children = answers
    bits = states[0] | states[1] << 32
    return Told(
        SECRET if kind == _PASSWORD_TEXT else role,
        frozenset(word for bit, word in _STATES.items() if bits >> bit & 1),
        name,
        description,
        tuple((bus, path) for bus, path in children if not path.endswith("/null")),
    )


def labels(relations: Any) -> list[Place]:
    """By what an element is named that stands beside it."""
    return [(bus, path) for kind, all_ in relations if kind == _LABELLED_BY for bus, path in all_]


class Missing(LookupError):
    """What was looked for is not in the tree; the text says what is."""


class Node(NamedTuple):
    """One element of a window, and what is below it, as they were when read."""

    place: Place
    role: str
    name: str
    description: str
    states: frozenset[str]
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

    def unnamed(self) -> list[str]:
        """Controls that a person who listens could only call by their kind."""
        return [
            f"{node.role} {node.description!r}"
            for node in self.walk()
            if node.showing and "focusable" in node.states and not (node.name or node.label).strip()
        ]

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


def grown(place: Place, said: dict[Place, Told], beside: dict[Place, str]) -> Node:
    """Put together what all elements from `place` down have said; `beside`: their labels."""
    one = said[place]
    children = tuple(grown(child, said, beside) for child in one.children if child in said)
    return Node(
        place, one.role, one.name, one.description, one.states, beside.get(place, ""), children
    )
