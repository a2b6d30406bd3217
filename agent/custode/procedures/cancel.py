"""Cancel certificates: what the cumulative rule takes in is shown first, then signed for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from custode.domain.certificates import cancellable, state_at
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures.counter import ask, certificate_row, identity_of, refresh
from custode.procedures.request import row
from custode.procedures.session import holder_of, login
from custode_authority.wire.messages import CancellationPreview, CancellationView
from custode_authority.wire.reasons import REASONS, Reason
from custode_authority.wire.states import CertificateState

if TYPE_CHECKING:
    from custode.daemon.context import Context
    from custode.domain.model import HeldCertificate, TokenSeen
    from custode_authority.wire.messages import OperationView

KIND = "cancel"


class PreviewParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `cancel.preview`."""

    operations: list[str]
    reason: Reason


class RunParams(PreviewParams, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `cancel.run`; `covered`: the serial numbers the person was shown."""

    covered: list[str]
    note: str = ""


async def preview(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """What a cancellation would take in; changes nothing.

    :raises CustodeError: NOTHING_TO_CANCEL, NOT_ACTIVE …
    """
    wanted = msgspec.convert(params, PreviewParams)
    await refresh(ctx)
    if not cancellable(ctx.state):
        raise CustodeError(ErrorCode.NOTHING_TO_CANCEL)
    seen = msgspec.convert(
        await ask(ctx, "cancel.preview", msgspec.to_builtins(wanted)), CancellationPreview
    )
    return {
        "cumulative": seen.cumulative,
        "reason": seen.reason,
        "reasons": [
            {"reason": reason, "italian": told.italian, "english": told.english}
            for reason, told in REASONS.items()
        ],
        "covered": [_told(ctx, view) for view in seen.covered],
    }


async def run(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Cancel what the person was shown; a difference since then is refused, not cancelled.

    Signed by an active certificate on a token here: an account alone cancels nothing.
    :raises CustodeError: COVERED_CHANGED, TOKEN_GONE …
    """
    wanted = msgspec.convert(params, RunParams)
    identity_of(ctx)
    await refresh(ctx)
    token, held = await signing_token(ctx)
    operation = ctx.journal.begin(
        KIND, {"operations": wanted.operations, "reason": wanted.reason.value}
    )
    try:
        async with login(ctx, token, why="cancel") as session:
            spki = session.key(held.key_id)["public_key"]
            await session.prove(held.key_id, spki)
            told = {**msgspec.to_builtins(wanted), "signer_spki": spki}
            answer = await ask(ctx, "cancel", told, callbacks=session.callbacks(held.key_id))
    except CustodeError as error:
        operation.failed(code=error.code.value)
        raise
    view = msgspec.convert(answer, CancellationView)
    operation.done(id_operazione=view.id_operazione)
    ctx.audit.append(
        "CertificatesCancelled",
        {
            "id_operazione": view.id_operazione,
            "reason": view.reason,
            "cumulative": view.cumulative,
            "covered": [row.id_operazione for row in view.covered],
            "note": wanted.note,
        },
    )
    await refresh(ctx)
    return {
        "id_operazione": view.id_operazione,
        "cumulative": view.cumulative,
        "reason": view.reason,
        "at": view.at,
        "covered": [_told(ctx, row) for row in view.covered],
    }


def _told(ctx: Context, view: OperationView) -> dict[str, Any]:
    return row(certificate_row(view, ctx.clock.now()), ctx)


async def signing_token(ctx: Context) -> tuple[TokenSeen, HeldCertificate]:
    """A token here with an active certificate of this identity.

    :raises CustodeError: TOKEN_GONE when none is here
    """
    for record in cancellable(ctx.state):
        if state_at(record, ctx.state.now) is CertificateState.ACTIVE:
            try:
                return await holder_of(ctx, record.fingerprint_sha256 or "")
            except CustodeError:
                continue
    raise CustodeError(ErrorCode.TOKEN_GONE)
