"""What a page says, before it has a look: no Qt in here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Paper(NamedTuple):
    """A title, what there is to know, and facts by name; one without a value is not shown.

    `lacks`: the serial of the token without which it cannot go on; nothing: none.
    """

    title: str
    lines: tuple[str, ...] = ()
    facts: Sequence[tuple[str, str]] = ()
    lacks: str = ""
