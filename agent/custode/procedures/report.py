"""Report a loss, a theft or a fault: needs the account alone, and takes effect at once."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from custode.domain.certificates import original
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures.counter import ask, refresh
from custode_authority.wire.messages import ReportView

if TYPE_CHECKING:
    from custode.daemon.context import Context


class ReportParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `report`; `last_held`: the last day the token was surely held."""

    reason: Literal["lost", "theft", "malfunction"]
    last_held: date | None = None
    backup_stolen_too: bool = False


async def report(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Suspend (loss, fault) or cancel (theft) the certificate in use, at once.

    :raises CustodeError: NO_CERTIFICATE when there is none to report, WRONG_PASSWORD …
    """
    wanted = msgspec.convert(params, ReportParams)
    await refresh(ctx)
    record = original(ctx.state)
    if record is None or record.fingerprint_sha256 is None:
        raise CustodeError(ErrorCode.NO_CERTIFICATE)
    told = {
        "reason": wanted.reason,
        "last_held": wanted.last_held.isoformat() if wanted.last_held else None,
        "backup_stolen_too": wanted.backup_stolen_too,
        "fingerprint_sha256": record.fingerprint_sha256,
    }
    async with ctx.client.secret("account_password", why="report") as fd:
        answer = msgspec.convert(await ask(ctx, "report", told, (fd,)), ReportView)
    ctx.audit.append(
        "LossReported",
        {"reason": wanted.reason, "id_operazione": record.id_operazione, "state": answer.state},
    )
    await refresh(ctx)
    return {
        "id_operazione": record.id_operazione,
        "state": answer.state,
        "crl_reason": answer.crl_reason,
        "at": answer.at,
        "retired_backups": answer.retired_backups,
        "rejected_requests": answer.rejected_requests,
    }
