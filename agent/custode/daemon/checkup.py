"""What the doctor asks a running agent: its workers, and its authority, are its own to touch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from custode.daemon.context import Context, Method
from custode.error_codes import ErrorCode
from custode.errors import CustodeError


class ModuleParams(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `doctor.module`."""

    module: str
    deadline_s: Annotated[float, Meta(gt=0, le=60)]


async def module(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Load one module afresh; as `Tokens.examine`."""
    wanted = msgspec.convert(params, ModuleParams)
    return await ctx.tokens.examine(wanted.module, wanted.deadline_s)


async def authority(ctx: Context, _params: dict[str, Any]) -> dict[str, Any]:
    """Have the embedded authority run, if there is one; none is made for this.

    Answers {"state", "url", "pin_sha256", "why"}: `there`, `none`, `lost`, `stopped` or
    `not_started`. It stays up for a while afterwards, as after any use.
    """
    missing = ctx.authority.missing()
    if missing is not None:
        return {"state": missing}
    try:
        async with ctx.authority.in_use() as address:
            return {"state": "there", "url": address.url, "pin_sha256": address.pin_sha256}
    except CustodeError as exc:
        if exc.code is ErrorCode.AUTHORITY_STOPPED:
            return {"state": "stopped"}
        if exc.code is ErrorCode.AUTHORITY_UNTRUSTED:
            return {"state": "other_ca", "url": exc.data.get("address", "")}
        if exc.code is not ErrorCode.AUTHORITY_UNAVAILABLE:
            raise
        return {"state": "not_started", "why": str(exc.data.get("why") or "")}


METHODS: Final[Mapping[str, Method]] = {"doctor.module": module, "doctor.authority": authority}
