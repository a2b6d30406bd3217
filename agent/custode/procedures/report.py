"""Report a loss, a theft or a fault: needs the account alone, and takes effect at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from custode.domain.backups import ended_by_report, usable
from custode.domain.certificates import reportable
from custode.domain.events import OperationsListed
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures.backup import told
from custode.procedures.counter import ask, refresh
from custode.procedures.request import row
from custode_authority.wire.messages import ReportView
from custode_authority.wire.reasons import Reason

if TYPE_CHECKING:
    from datetime import datetime

    from custode.daemon.context import Context
    from custode.domain.model import CertificateRecord


class ReportParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `report`; `last_held`: the last day the token was surely held."""

    reason: Literal["lost", "theft", "malfunction"]
    last_held: date | None = None
    backup_stolen_too: bool = False
    operation: str | None = None


async def preview(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """What a report is about, which backups it would retire and which certificates of theirs end.

    :raises CustodeError: as `report`, before anybody is asked for a password
    """
    wanted = msgspec.convert(params, ReportParams)
    record = await _meant(ctx, wanted)
    # A fault is not out of hand: nobody else can have made a backup with a broken token.
    held = None if wanted.reason == "malfunction" else wanted.last_held
    ended = ended_by_report(
        ctx.state,
        record.fingerprint_sha256 or "",
        held,
        stolen=wanted.backup_stolen_too,
        reason=Reason(wanted.reason),
    )
    return {
        "certificate": row(record, ctx),
        "backups": [told(ctx, backup) for backup in ended.backups],
        "certificates": [row(certificate, ctx) for certificate in ended.certificates],
    }


async def _meant(ctx: Context, wanted: ReportParams) -> CertificateRecord:
    await refresh(ctx)
    found = reportable(ctx.state, wanted.operation)
    if not found:
        raise CustodeError(ErrorCode.NO_CERTIFICATE)
    if len(found) > 1:
        named = ", ".join(sorted(record.id_operazione for record in found))
        raise CustodeError(ErrorCode.CERTIFICATE_AMBIGUOUS, operations=named)
    return found[0]


async def report(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Suspend (loss, fault) or cancel (theft) the certificate of the primary, at once.

    :raises CustodeError: NO_CERTIFICATE when there is none to report, CERTIFICATE_AMBIGUOUS when
        several could be meant, WRONG_PASSWORD …
    """
    wanted = msgspec.convert(params, ReportParams)
    record = await _meant(ctx, wanted)
    sent = {
        "reason": wanted.reason,
        "last_held": wanted.last_held.isoformat() if wanted.last_held else None,
        "backup_stolen_too": wanted.backup_stolen_too,
        "fingerprint_sha256": record.fingerprint_sha256,
    }
    async with ctx.client.secret("account_password", why="report") as fd:
        answer = msgspec.convert(await ask(ctx, "report", sent, (fd,)), ReportView)
    ctx.audit.append(
        "loss_reported",
        {"reason": wanted.reason, "id_operazione": record.id_operazione, "state": answer.state},
    )
    await refresh(ctx)
    await _remember(ctx, record.id_operazione, Reason(wanted.reason), answer.at)
    known = ctx.state.backups
    return {
        "id_operazione": record.id_operazione,
        "reason": wanted.reason,
        "state": answer.state,
        "crl_reason": answer.crl_reason,
        "at": answer.at,
        "retired_backups": answer.retired_backups,
        "retired": [told(ctx, known[one]) for one in answer.retired_backups if one in known],
        "usable": [told(ctx, backup) for backup in usable(ctx.state, record.fingerprint_sha256)],
        "rejected_requests": answer.rejected_requests,
        "cancelled_successors": answer.cancelled_successors,
    }


async def _remember(ctx: Context, operation: str, reason: Reason, at: datetime) -> None:
    """Note why it was reported: the activation that follows gives the same reason."""
    record = ctx.state.certificates[operation]
    noted = replace(record, reported=reason, reported_at=at)
    await ctx.post(OperationsListed(rows=(noted,), at=ctx.clock.now()))
