"""A module loaded afresh, for the doctor: how long it takes, and what it shows then."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from custode.daemon.children import Child


async def examine(child: Child, deadline_s: float) -> dict[str, Any]:
    """Start the worker anew, have it load its module, then list the tokens.

    Nothing is kept of the listing: who wants it sends the domain a hint.
    :raises ChildFailure: as `Child.call`; the deadline is for each of the two calls
    """
    await child.restart()  # a module that is in memory already would tell nothing about loading
    told: dict[str, Any] = await child.call("about", deadline_s=deadline_s)
    began = time.monotonic()
    rows = await child.call("list", deadline_s=deadline_s)
    mute = sum("unreadable" in row for row in rows)
    told |= {"list_s": time.monotonic() - began, "tokens": len(rows) - mute, "unreadable": mute}
    return told
