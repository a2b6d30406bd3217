"""Take the keys of void backups off a token, when its owner says so: then it may serve again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from custode.domain.events import SpareCleared
from custode.domain.spares import dead_on
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures import spare
from custode.procedures.counter import refresh
from custode.procedures.session import find_token, login

if TYPE_CHECKING:
    from custode.daemon.context import Context
    from custode.domain.model import BackupRecord, TokenSeen
    from custode.procedures.session import TokenSession

KIND: Final = "spare.clear"


class ClearParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `spare.clear` and its preview."""

    token: str | None = None


async def preview(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Which keys would be destroyed; changes nothing.

    :raises CustodeError: NOTHING_TO_CLEAR, NO_SUCH_TOKEN …
    """
    token, dead, unfinished = await _plan(ctx, msgspec.convert(params, ClearParams))
    return {
        "token": token.id.serial,
        "label": token.label,
        "backups": [
            {"backup_id": b.backup_id, "state": b.state, "created_at": b.created_at} for b in dead
        ],
        "unfinished": unfinished,
    }


async def clear(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Destroy them. A token that cannot let go of a key keeps it: nobody will ever certify it.

    :raises CustodeError: NOTHING_TO_CLEAR, NO_SUCH_TOKEN, and what `login` raises
    """
    token, dead, _unfinished = await _plan(ctx, msgspec.convert(params, ClearParams))
    destroyed: list[str] = []
    kept: list[str] = []
    async with login(ctx, token, why=KIND) as session:
        destroyed += await spare.drop_others(session, None)
        for backup in dead:
            for key_id in _keys_of(session, backup):
                gone = await _destroy(session, key_id)
                (destroyed if gone else kept).append(key_id)
            await ctx.post(SpareCleared(backup.backup_id, token.id, ctx.clock.now()))
    await ctx.tokens_read(token.module)
    return {
        "token": token.id.serial,
        "label": token.label,
        "backups": [backup.backup_id for backup in dead],
        "destroyed": destroyed,
        "kept": kept,
    }


async def _plan(
    ctx: Context, wanted: ClearParams
) -> tuple[TokenSeen, tuple[BackupRecord, ...], int]:
    """The token, the void backups on it, and how many runs left a key there."""
    await refresh(ctx)
    token = await find_token(ctx, wanted.token)
    dead = dead_on(ctx.state, token)
    unfinished = len(spare.pending_on(ctx, token))
    if not dead and not unfinished:
        raise CustodeError(ErrorCode.NOTHING_TO_CLEAR, token=token.label or token.id.serial)
    return token, dead, unfinished


def _keys_of(session: TokenSession, backup: BackupRecord) -> list[str]:
    """Where that backup's key lies: by its hash, for a place may have got another key since."""
    return [
        row["key_id"]
        for row in session.keys
        if row["public_key"]
        and hashlib.sha256(row["public_key"]).hexdigest() == backup.successor_key_sha256
    ]


async def _destroy(session: TokenSession, key_id: str) -> bool:
    try:
        await session.call("destroy_key", {"key_id": key_id})
    except CustodeError as error:
        if error.code is not ErrorCode.NOT_SUPPORTED:
            raise
        return False
    return True
