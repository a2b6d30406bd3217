"""The embedded authority's recovery export: made, and brought back."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import msgspec

from custode.errors import CustodeError
from custode.procedures.counter import refresh
from custode_authority.wire.states import CertificateState

if TYPE_CHECKING:
    from custode.daemon.context import Context

_ENDED = frozenset({CertificateState.SUSPENDED, CertificateState.CANCELLED})


class BackupParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `authority.backup`: a folder, or a file that is not there yet; absolute."""

    to: str


class RestoreParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `authority.restore`; `replace`: also over an authority that is there."""

    source: str
    replace: bool = False


async def backup(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Make a recovery export under a new PIN; the authority may be running.

    :raises CustodeError: AUTHORITY_ELSEWHERE, AUTHORITY_LOST, EXPORT_PIN_WEAK, FILE_…
    """
    wanted = msgspec.convert(params, BackupParams)
    async with ctx.client.secret("export_pin_new", why="authority.backup") as fd:
        made = await ctx.authority.export(wanted.to, fd)
    ctx.audit.append("authority_exported", {"sha256": made["sha256"], "at": made["at"]})
    await ctx.post(ctx.authority.described(ctx.clock.now()))
    return made


async def restore(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Bring the embedded authority back; what is known here to have ended stays ended there.

    :raises CustodeError: AUTHORITY_ELSEWHERE, AUTHORITY_EXISTS, EXPORT_…, FILE_…
    """
    wanted = msgspec.convert(params, RestoreParams)
    ended = [
        {"fingerprint_sha256": row.fingerprint_sha256, "crl_reason": row.crl_reason}
        for row in ctx.state.certificates.values()
        if row.fingerprint_sha256 is not None and row.state in _ENDED
    ]
    async with ctx.client.secret("export_pin", why="authority.restore") as fd:
        done = await ctx.authority.restore(wanted.source, fd, ended, replace=wanted.replace)
    ctx.audit.append(
        "authority_restored",
        {"exported_at": done["exported_at"], "locked_backups": done["locked_backups"]},
    )
    await ctx.post(ctx.authority.described(ctx.clock.now()))
    if ctx.state.identity is not None:
        with contextlib.suppress(CustodeError):  # whatever it is, the next command says it
            await refresh(ctx)
    return done
