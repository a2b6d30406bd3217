"""Kinds of keys, as people choose them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from custode.locale.catalogue import gettext, mark

if TYPE_CHECKING:
    from collections.abc import Mapping

    Row = Mapping[str, Any]

DEFAULT: Final = "rsa2048"
_NAMES: Final[Mapping[str, str]] = {
    "rsa2048": mark("RSA, 2048 bits (recommended)"),
    "rsa3072": mark("RSA, 3072 bits"),
    "rsa4096": mark("RSA, 4096 bits (slow on most tokens)"),
    "p256": mark("Elliptic curve P-256"),
    "p384": mark("Elliptic curve P-384"),
}


def choices(token: Row) -> list[tuple[str, str]]:
    """Kinds of key that a token of `request.standing` makes, with their names."""
    return [(kind, gettext(name)) for kind, name in _NAMES.items() if kind in token["keys"]]


def named(kind: str) -> str:
    """What a kind of key is called."""
    return gettext(_NAMES.get(kind, kind))


def wanted(token: Row, begun: Row | None) -> tuple[str, bool]:
    """What to propose: the kind, and whether it can be copied; what was begun goes on as it was."""
    if begun is not None:
        return begun["key"], begun["copyable"]
    return (DEFAULT if DEFAULT in token["keys"] else token["keys"][0]), False


def begun_on(standing: Row, serial: str) -> Row | None:
    """The key whose making broke off on that token."""
    rows = standing.get("begun") or ()
    return next((row for row in rows if row["serial"] == serial), None)


def all_kinds() -> list[tuple[str, str]]:
    """Every kind there is, with its name."""
    return [(kind, gettext(name)) for kind, name in _NAMES.items()]
