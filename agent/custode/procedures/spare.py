"""A successor on a spare token: its key is made there, and two tokens sign for it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from custode.domain.events import BackupSaved
from custode.domain.model import TokenState
from custode.domain.spares import spec_of
from custode.domain.tokens import carried, recognise
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures import csr, succession
from custode.procedures.counter import ask, backup_row, identity_of
from custode.procedures.session import (
    CALL_DEADLINE_S,
    find_token,
    holder_of,
    job_callbacks,
    login,
    refuse_retired,
    refuse_spare,
    while_wanted,
)
from custode.taking_up import take_up, taken_up
from custode_authority.wire.messages import BackupView

if TYPE_CHECKING:
    from custode.daemon.context import Callback, Context
    from custode.daemon.journal import Operation
    from custode.domain.model import BackupRecord, CertificateRecord, TokenSeen
    from custode.procedures.session import TokenSession

KIND: Final = "spare.create"
PIN_KIND: Final = "spare_pin"
DEADLINE_S: Final = 4 * CALL_DEADLINE_S  # two tokens sign, one after the other


async def create(ctx: Context, record: CertificateRecord, named: str) -> dict[str, Any]:
    """Make the key on the spare and register it, signed by the original and by itself.

    Key → reserved → registered: what breaks off leaves at most a key that the next run takes up.
    :raises CustodeError: TOKEN_GONE, NO_SUCH_TOKEN, SPARE_IS_PRIMARY, SPARE_TAKEN, TOKEN_RETIRED,
        PIN_NOT_SET and NOT_SUPPORTED before a PIN is asked for; what `login` raises of each token
    """
    with succession.alone(ctx, KIND):
        return await _create(ctx, record, named)


async def _create(ctx: Context, record: CertificateRecord, named: str) -> dict[str, Any]:
    token, held = await holder_of(ctx, record.fingerprint_sha256 or "")
    spare = await _suitable(ctx, token, named, spec_of(token, held.key_id))
    foreign = _foreign(ctx, spare)
    if (saved := await _came_in(ctx, spare)) is not None:
        return _told(saved, spare, foreign)
    refuse_spare(ctx, spare)
    if foreign:
        await ctx.client.progress("spare.foreign")
    async with login(ctx, token, why=KIND) as original:
        await original.prove_certified(held.key_id, record)
        row = original.key(held.key_id)
        spec = f"rsa{row['bits']}" if row["type"] == "rsa" else f"p{row['bits']}"
        _require_makes(spare, spec)
        await ctx.client.progress("spare.its_pin")
        async with login(ctx, spare, why=KIND, kind=PIN_KIND) as session:
            await drop_others(session, record, spec)
            operation = _unfinished(ctx, spare, record, spec) or ctx.journal.begin(
                KIND, _about(spare, record, spec)
            )
            async with taken_up(ctx, operation, resume):
                callbacks = while_wanted(ctx, original.callbacks(held.key_id, operation))
                saved = await _register(session, operation, record, callbacks)
    await ctx.tokens_read(spare.module)
    return _told(saved, spare, foreign)


async def _came_in(ctx: Context, spare: TokenSeen) -> BackupRecord | None:
    """The backup of a run that broke off, if its registration came in and nobody heard of it."""
    for operation in pending_on(ctx, spare):
        await take_up(ctx, operation, resume)
        after = ctx.journal.find(operation.id)
        backup_id = after.result.get("backup_id") if after is not None else None
        if (saved := ctx.state.backups.get(backup_id or "")) is not None:
            return saved
    return None


def _told(saved: BackupRecord, spare: TokenSeen, foreign: list[str]) -> dict[str, Any]:
    return {
        "backup_id": saved.backup_id,
        "kind": saved.kind,
        "place": saved.place,
        "token": spare.id.serial,
        "label": spare.label,
        "key_id": saved.key_id,
        "original_sha256": saved.original_sha256,
        "successor_key_sha256": saved.successor_key_sha256,
        "created_at": saved.created_at,
        "foreign_certificates": foreign,
    }


async def _suitable(ctx: Context, original: TokenSeen, named: str, spec: str | None) -> TokenSeen:
    """The spare that a person named, if it may be one.

    `spec`: the kind of key, where the original's token shows it before a login.
    """
    spare = await find_token(ctx, named)
    name = spare.label or spare.id.serial
    twin = any(spare.holds(one.fingerprint_sha256) for one in original.certificates)
    if spare.id == original.id or twin or recognise(spare, ctx.state) is TokenState.PRIMARY:
        raise CustodeError(ErrorCode.SPARE_IS_PRIMARY, token=name)
    refuse_retired(ctx, spare)
    if not spare.user_pin_initialized:
        raise CustodeError(ErrorCode.PIN_NOT_SET, token=name)
    if spec is not None:
        _require_makes(spare, spec)
    return spare


def _require_makes(spare: TokenSeen, spec: str) -> None:
    if spec not in spare.key_specs:
        makes = ", ".join(spare.key_specs) or None
        raise CustodeError(ErrorCode.NOT_SUPPORTED, capability=f"key {spec}", can_make=makes)


def _foreign(ctx: Context, spare: TokenSeen) -> list[str]:
    """Labels of certificates on it that are none of ours; they stay as they are."""
    ours = {record.fingerprint_sha256 for record in carried(spare, ctx.state)}
    return [
        held.label or held.fingerprint_sha256[:16]
        for held in spare.certificates
        if held.fingerprint_sha256 not in ours
    ]


def _about(spare: TokenSeen, record: CertificateRecord, spec: str) -> dict[str, Any]:
    return {
        **succession.on_token(spare),
        "original_sha256": record.fingerprint_sha256,
        "key": spec,
    }


def pending_on(ctx: Context, spare: TokenSeen) -> list[Operation]:
    """Runs that broke off on that token."""
    return [operation for operation in ctx.journal.pending(KIND) if operation.token == spare.id]


def _unfinished(
    ctx: Context, spare: TokenSeen, record: CertificateRecord, spec: str
) -> Operation | None:
    """The run that broke off, whose key serves for this one."""
    meant = (record.fingerprint_sha256, spec)
    for operation in pending_on(ctx, spare):
        if (operation.data["original_sha256"], operation.data["key"]) == meant:
            return operation
    return None


async def drop_others(
    session: TokenSession, record: CertificateRecord | None, spec: str = ""
) -> list[str]:
    """Destroy the keys that broken-off runs for another original left here; gives their ids."""
    ctx = session.ctx
    kept = _unfinished(ctx, session.token, record, spec) if record is not None else None
    dropped: list[str] = []
    for operation in pending_on(ctx, session.token):
        if kept is not None and operation.id == kept.id:
            continue
        row = await _its_key(session, operation)
        if row is not None:
            await session.call("destroy_key", {"key_id": row["key_id"]})
            dropped.append(row["key_id"])
        operation.undone(why="its key was given up")
    return dropped


async def _its_key(session: TokenSession, operation: Operation) -> dict[str, Any] | None:
    """The key that a run made, if it is still there and was never certified."""
    code = identity_of(session.ctx).code
    if (made := operation.step_data("made")) is None:
        return await csr.left_by(session, operation, code)
    certified = {record.key_sha256 for record in session.ctx.state.certificates.values()}
    for row in session.keys:
        digest = hashlib.sha256(row["public_key"] or b"").hexdigest()
        if digest == made["key_sha256"] and digest not in certified:
            return row
    return None


async def _register(
    session: TokenSession,
    operation: Operation,
    record: CertificateRecord,
    callbacks: dict[str, Callback],
) -> BackupRecord:
    """Key and request on the spare, then the registration that both tokens sign."""
    ctx, identity = session.ctx, identity_of(session.ctx)
    wanted = csr.CreateParams(key=operation.data["key"])
    key_id, spki = await csr.key_for(session, operation, wanted, identity.code)
    operation.step("made", key_sha256=hashlib.sha256(spki).hexdigest())
    await session.prove(key_id, spki)
    made = await session.call("csr", {"key_id": key_id, "common_name": identity.codice_fiscale})

    async def sign(params: dict[str, Any]) -> Any:
        return await session.call(
            "sign", {"key_id": key_id, "data": params["data"], "hash": "sha256"}
        )

    told = {
        "original": record.certificate,
        "successor_csr": made["csr"],
        "successor_spki": spki,
    }
    both = {**callbacks, "spare.sign": sign}
    view = await ask(ctx, "spare.register", told, callbacks=both, deadline_s=DEADLINE_S)
    return await _saved(ctx, operation, msgspec.convert(view, BackupView))


async def _saved(ctx: Context, operation: Operation, view: BackupView) -> BackupRecord:
    now = ctx.clock.now()
    made = operation.step_data("key") or {}
    row = backup_row(view, now)
    record = replace(row, token=operation.token, key_id=made.get("key_id"))
    await ctx.post(BackupSaved(record, now))
    operation.done(backup_id=record.backup_id)
    return record


async def resume(ctx: Context, operation: Operation) -> None:
    """After a crash: kept when the authority registered it; else its reservation is given up.

    The key stays on the spare for the next `backup create --on-token` there: no PIN is asked here.
    """
    if operation.step_data("key") is None and operation.step_data("making") is None:
        operation.undone(why="no key was made")
        return
    reserved, given_up = operation.step_data("reserved"), operation.step_data("abandoned")
    if reserved is None or reserved == given_up:
        return
    swept = await ask(ctx, "spare.sweep", reserved, callbacks=job_callbacks(ctx, operation))
    if swept["backup"] is None:
        operation.step("abandoned", **reserved)
    else:
        await _saved(ctx, operation, msgspec.convert(swept["backup"], BackupView))
