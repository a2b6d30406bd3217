"""What the executor asks the authority for on the domain's behalf; a failure is an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from custode.procedures.counter import ask, believe, refresh
from custode_authority.wire.messages import StatusStatement

if TYPE_CHECKING:
    from custode.daemon.context import Context


async def query_overview(ctx: Context) -> None:
    """The authority's lists of requests and backups."""
    await refresh(ctx)


async def query_status(ctx: Context, fingerprint_sha256: str) -> None:
    """The signed status of one certificate."""
    told = await ask(ctx, "facts", {"fingerprint_sha256": fingerprint_sha256})
    await believe(ctx, msgspec.convert(told["status"], StatusStatement))
