"""What a backup made now would be of, and which kinds there are; asks nobody, changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custode.domain.backups import usable
from custode.domain.certificates import original, state_at
from custode.domain.spares import at_hand, label_of
from custode.error_codes import ErrorCode
from custode.procedures import backup, csr
from custode_authority.wire.states import CertificateState

if TYPE_CHECKING:
    from custode.daemon.context import Context
    from custode.domain.model import CertificateRecord, TokenSeen


async def standing(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Answer what `backup.create` would work on.

    `refusal`: why none can be made now (null: one can). `original`: its token and certificate.
    `copyable`: its key was made here so that it can be copied. `spares`: second tokens that are
    here and would do. `backups`: those it has already that are still good.
    """
    del params
    state = ctx.state
    record = original(state)
    holder = None if record is None else _holder(ctx, record)
    return {
        "refusal": _refusal(ctx, record, holder),
        "original": None if record is None else _told(ctx, record, holder),
        "copyable": record is not None and holder is not None and _copyable(ctx, record, holder),
        "spares": [{"serial": one.id.serial, "label": one.label} for one in at_hand(state)],
        "backups": []
        if record is None
        else [backup.told(ctx, one) for one in usable(state, record.fingerprint_sha256 or "")],
    }


def _holder(ctx: Context, record: CertificateRecord) -> TokenSeen | None:
    here = (insertion.token for insertion in ctx.state.insertions)
    return next((token for token in here if token.holds(record.fingerprint_sha256)), None)


def _refusal(
    ctx: Context, record: CertificateRecord | None, holder: TokenSeen | None
) -> dict[str, Any] | None:
    """As an error's code and data, without which `backup.create` would go on."""
    if ctx.state.identity is None:
        return {"code": ErrorCode.NO_IDENTITY.value, "data": {}}
    if record is None or state_at(record, ctx.state.now) is not CertificateState.ACTIVE:
        return {"code": ErrorCode.NO_CERTIFICATE.value, "data": {}}
    if holder is None:
        name = label_of(ctx.state, record.token) or (record.token.serial if record.token else None)
        return {"code": ErrorCode.TOKEN_GONE.value, "data": {"token": name} if name else {}}
    return None


def _told(ctx: Context, record: CertificateRecord, holder: TokenSeen | None) -> dict[str, Any]:
    token = record.token if holder is None else holder.id
    return {
        "serial": None if token is None else token.serial,
        "label": label_of(ctx.state, token),
        "present": holder is not None,
        "id_operazione": record.id_operazione,
        "expires_at": record.expires_at,
    }


def _copyable(ctx: Context, record: CertificateRecord, holder: TokenSeen) -> bool:
    """Only a login shows what a key may do, but how one was made here is in the journal."""
    if not holder.can_wrap:
        return False
    return any(
        made.result.get("key_sha256") == record.key_sha256 and made.data.get("copyable", False)
        for made in ctx.journal.ended(csr.KIND)
    )
