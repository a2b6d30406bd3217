"""Renew: a new key and certificate on the same token, and only then the old one superseded.

At every moment the person has a certificate that works: the old one until the new one has proved
itself, then both, then the new one. What is signed for the renewal is signed by the old key (the
request) and by the new one (the end of the old).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from custode.domain.certificates import original
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures import cancel, succession
from custode.procedures.counter import ask, refresh
from custode.procedures.session import holder_of, login, refuse_retired
from custode.taking_up import taken_up
from custode_authority.wire.messages import CancellationPreview
from custode_authority.wire.reasons import Reason
from custode_authority.wire.states import BackupState, CertificateState

if TYPE_CHECKING:
    from custode.daemon.context import Callback, Context
    from custode.daemon.journal import Operation
    from custode.domain.model import CertificateRecord, TokenSeen
    from custode.procedures.session import TokenSession

KIND: Final = "renew"
_RENEWABLE: Final = frozenset({CertificateState.ACTIVE, CertificateState.EXPIRED})
_ENDED: Final = frozenset({CertificateState.CANCELLED, CertificateState.EXPIRED})


class RenewParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `renew`; `key` None: of the same kind as the old one."""

    key: str | None = None
    destroy_old_key: bool = False


async def renew(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Renew the certificate in use; one that broke off goes on from where it was.

    :raises CustodeError: NO_CERTIFICATE, STATE_NOT_ALLOWED while it is suspended, TOKEN_GONE,
        STILL_GENERATING when the portal takes its time, and what the steps raise
    """
    wanted = msgspec.convert(params, RenewParams)
    with succession.alone(ctx, KIND):
        await refresh(ctx)
        begun = _begun(ctx)
        old = ctx.state.certificates[begun.data["old"]] if begun else _old(ctx)
        token = await _token(ctx, begun, old)
        refuse_retired(ctx, token)
        async with login(ctx, token, why=KIND) as session:
            operation = begun or _begin(ctx, token, old, wanted)
            async with taken_up(ctx, operation, resume):
                done = await _renew_on(session, operation, old.id_operazione)
        await ctx.tokens_read(token.module)
        return done


def _begun(ctx: Context) -> Operation | None:
    """The renewal that broke off; what has been overtaken by another certificate is let go."""
    current = original(ctx.state)
    for operation in ctx.journal.pending(KIND):
        issued = (operation.step_data("issued") or {}).get("id_operazione")
        known = operation.data["old"] in ctx.state.certificates
        if known and current is not None:
            if current.id_operazione in {operation.data["old"], issued}:
                return operation
            operation.undone(why="another certificate took its place")
    return None


def _old(ctx: Context) -> CertificateRecord:
    record = original(ctx.state)
    if record is None:
        raise CustodeError(ErrorCode.NO_CERTIFICATE)
    # The authority's word, not our clock: on the last day the two may differ.
    if record.state not in _RENEWABLE:
        raise CustodeError(
            ErrorCode.STATE_NOT_ALLOWED, what=record.id_operazione, state=record.state.value
        )
    return record


async def _token(ctx: Context, begun: Operation | None, old: CertificateRecord) -> TokenSeen:
    if begun is not None:
        return await succession.its_token(ctx, begun.data["serial"])
    token, _held = await holder_of(ctx, old.fingerprint_sha256 or "")
    return token


def _begin(
    ctx: Context, token: TokenSeen, old: CertificateRecord, wanted: RenewParams
) -> Operation:
    standing = [
        backup.backup_id
        for backup in ctx.state.backups.values()
        if backup.original_sha256 == old.fingerprint_sha256
        and backup.state not in {BackupState.RETIRED, BackupState.RESTORED}
    ]
    return ctx.journal.begin(
        KIND,
        {
            **succession.on_token(token),
            "old": old.id_operazione,
            "old_key_id": old.key_id,
            "key": wanted.key or succession.key_like(token, old.key_id),
            "destroy_old_key": wanted.destroy_old_key,
            "backups": standing,
        },
    )


async def _renew_on(session: TokenSession, operation: Operation, old_id: str) -> dict[str, Any]:
    ctx = session.ctx
    extra, callbacks = await _signed_by_the_old(session, operation, old_id)
    made = await succession.signed(session, operation)
    record = await succession.obtain(session, operation, made, extra, callbacks)
    done = await succession.install(session, operation, made, record)
    superseded = await _supersede(session, operation, old_id, done)
    left = await _take_off(session, operation)
    operation.done(id_operazione=record.id_operazione)
    retired = [b for b in operation.data["backups"] if _is_retired(ctx, b)]
    return {
        **succession.told(record, session.token, done),
        "old": old_id,
        "old_state": superseded,
        "old_on_token": left,
        "retired_backups": retired,
    }


def _is_retired(ctx: Context, backup_id: str) -> bool:
    backup = ctx.state.backups.get(backup_id)
    return backup is not None and backup.state is BackupState.RETIRED


async def _signed_by_the_old(
    session: TokenSession, operation: Operation, old_id: str
) -> tuple[dict[str, Any], dict[str, Callback] | None]:
    """EST simplereenroll, signed by the active certificate; an expired one signs nothing any more.

    Then it is an ordinary request, which the authority's policy approves (domain.md, rule 5).
    """
    old = session.ctx.state.certificates[old_id]
    if old.state is not CertificateState.ACTIVE:
        return {}, None
    key_id = operation.data["old_key_id"] or ""
    spki = await session.prove_certified(key_id, old)
    return {"signer_spki": spki, "renewal": True}, session.callbacks(key_id, operation)


async def _supersede(
    session: TokenSession, operation: Operation, old_id: str, done: dict[str, Any]
) -> CertificateState:
    """End the old certificate, signed by the new one; nothing is to be ended when it has expired.

    :raises CustodeError: STATE_NOT_ALLOWED when it was suspended meanwhile: its fate is open then
    """
    ctx = session.ctx
    await refresh(ctx)
    old = ctx.state.certificates[old_id]
    if old.state is CertificateState.ACTIVE:
        await ctx.client.progress("renew.superseding", operation=operation.id)
        asked = {"operations": [old_id], "reason": Reason.RENEWAL.value}
        shown = msgspec.convert(await ask(ctx, "cancel.preview", asked), CancellationPreview)
        if [row.id_operazione for row in shown.covered] != [old_id] or shown.cumulative:
            raise CustodeError(ErrorCode.INTEGRITY, what=old_id)
        covered = [row.serial_number or "" for row in shown.covered]
        wanted = cancel.RunParams(operations=[old_id], reason=Reason.RENEWAL, covered=covered)
        await cancel.sign(session, done["key_id"], done["spki"], wanted)
        await refresh(ctx)
        old = ctx.state.certificates[old_id]
    if old.state not in _ENDED:
        raise CustodeError(ErrorCode.STATE_NOT_ALLOWED, what=old_id, state=old.state.value)
    operation.step("superseded", state=old.state.value)
    return old.state


async def _take_off(session: TokenSession, operation: Operation) -> list[str]:
    """Take the old certificate off the token, and its key when that was asked for.

    Gives what is left of them. A token that cannot let go of one keeps it.
    """
    key_id = operation.data["old_key_id"]
    if key_id is None:
        return []
    methods = {"certificate": "remove_certificate"}
    if operation.data["destroy_old_key"]:
        methods["key"] = "destroy_key"
    left = {"certificate", "key"} if any(r["key_id"] == key_id for r in session.keys) else set()
    for what, method in methods.items():
        try:
            await session.call(method, {"key_id": key_id})
        except CustodeError as error:
            if error.code is ErrorCode.NOT_SUPPORTED:
                continue
            if error.code is not ErrorCode.NO_SUCH_KEY:
                raise
        left.discard(what)
    operation.step("taken_off", left=sorted(left))
    return sorted(left)


async def resume(ctx: Context, operation: Operation) -> None:
    """After a restart: done when the old one has ended and the new one lies on its token.

    Everything else needs the token's PIN: it becomes a need, and `renew` goes on from there. So
    does taking the old key off, where that was asked for; an ended certificate may stay.
    """
    if operation.step_data("key") is None and operation.step_data("making") is None:
        operation.undone(why="no key was made")
        return
    if operation.data["destroy_old_key"] and operation.step_data("taken_off") is None:
        return
    await refresh(ctx)
    old = ctx.state.certificates.get(operation.data["old"])
    if old is not None and old.state in _ENDED and operation.step_data("installed") is not None:
        operation.done(old_state=old.state.value)
