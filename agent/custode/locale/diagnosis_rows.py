"""One row of the doctor's tables."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """What was found; and of a fault the one remedy: a `command` to type, or a `step`."""

    what: str
    command: str = ""
    step: str = ""
