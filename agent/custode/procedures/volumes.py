"""`volumes.list`: the places where a backup could be put, for a window to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from custode.daemon.context import Context

LOOK_S: Final = 15.0


class ListParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `volumes.list`: `folder` is one more place to be told about."""

    folder: str | None = None


async def list_(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Tell where a backup could be put, and what speaks against each place.

    :raises CustodeError: FILE_MISSING when there is no such folder; TIMED_OUT
    """
    wanted = msgspec.convert(params, ListParams)
    asked = {"home": str(ctx.paths.home), "folder": wanted.folder}
    found: dict[str, Any] = await ctx.jobs.call("volumes.list", asked, deadline_s=LOOK_S)
    return found
