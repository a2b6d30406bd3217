"""Cancel certificates: what the cumulative rule takes in is shown first, then signed for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from custode.domain.certificates import cancellable
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures.counter import ask, certificate_row, identity_of, refresh
from custode.procedures.request import row
from custode.procedures.session import signed_by_active
from custode.taking_up import taken_up
from custode_authority.wire.messages import CancellationPreview, CancellationView
from custode_authority.wire.reasons import REASONS, Reason
from custode_authority.wire.states import CertificateState

if TYPE_CHECKING:
    from custode.daemon.context import Context
    from custode.daemon.journal import Operation
    from custode.procedures.session import TokenSession
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
    async with signed_by_active(ctx, why="cancel") as signer:
        operation = ctx.journal.begin(
            KIND, {"operations": wanted.operations, "reason": wanted.reason.value}
        )
        async with taken_up(ctx, operation, resume):
            view = await sign(signer.session, signer.key_id, signer.spki, wanted)
            operation.done(id_operazione=view.id_operazione)
    await refresh(ctx)
    return {
        "id_operazione": view.id_operazione,
        "cumulative": view.cumulative,
        "reason": view.reason,
        "at": view.at,
        "covered": [_told(ctx, row) for row in view.covered],
    }


async def resume(ctx: Context, operation: Operation) -> None:
    """One transaction at the authority: its list says whether it happened."""
    await refresh(ctx)
    known = ctx.state.certificates
    states = [known[o].state.value for o in operation.data["operations"] if o in known]
    if states and set(states) == {CertificateState.CANCELLED.value}:
        operation.done(states=states)
    else:
        operation.undone(states=states)


async def sign(
    session: TokenSession, key_id: str, spki: bytes, wanted: RunParams
) -> CancellationView:
    """Have the token sign a cancellation and the authority carry it out; noted in our log."""
    told = {**msgspec.to_builtins(wanted), "signer_spki": spki}
    answer = await ask(session.ctx, "cancel", told, callbacks=session.callbacks(key_id))
    view = msgspec.convert(answer, CancellationView)
    session.ctx.audit.append(
        "certificates_cancelled",
        {
            "id_operazione": view.id_operazione,
            "reason": view.reason,
            "cumulative": view.cumulative,
            "covered": [row.id_operazione for row in view.covered],
            "note": wanted.note,
        },
    )
    return view


def _told(ctx: Context, view: OperationView) -> dict[str, Any]:
    return row(certificate_row(view, ctx.clock.now()), ctx)
