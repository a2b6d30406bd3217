"""A spare token takes the original's place; its own key signs for every step of that.

One command does all that is left to be done, so that it can be run again after whatever broke it
off: until the authority has the spare's own confirmation it gives the same certificate again.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from custode.domain.backups import STANDING
from custode.domain.events import BackupRestored, BackupsListed
from custode.domain.gate import Purpose
from custode.domain.spares import on_token
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures import succession
from custode.procedures.counter import ask, backup_row, identity_of, refresh
from custode.procedures.folder import pass_gate, stop_if_shut
from custode.procedures.install import promote
from custode.procedures.session import find_token, login
from custode.taking_up import taken_up
from custode_authority.wire.messages import BackupView
from custode_authority.wire.states import BackupState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from custode.daemon.context import Callback, Context
    from custode.daemon.journal import Operation
    from custode.domain.model import BackupRecord, TokenId, TokenSeen
    from custode.procedures.session import TokenSession

KIND: Final = "spare.activate"
DEADLINE_S: Final = 120.0
POLL_S: Final = 5
_BY_LIFE: Final = (BackupState.COLLECTED, *sorted(STANDING))  # what can still go on comes first


class ActivateParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `backup.activate` is told of a spare: the backup's id, or its token, or both."""

    reason: str
    wait: bool = False
    backup_id: str | None = None
    token: str | None = None


async def activate(ctx: Context, wanted: ActivateParams) -> dict[str, Any]:
    """Make the spare the original. Can be repeated at any step.

    :raises CustodeError: NO_BACKUP_ON_TOKEN, BACKUP_AMBIGUOUS, TOKEN_GONE; GATE_CLOSED while the
        original is active or here; STILL_GENERATING while nobody has approved and `wait` is false;
        NO_SUCH_KEY when the token carries another key; what `login` raises
    """
    await refresh(ctx)
    record, token = await _meant(ctx, wanted)
    await pass_gate(ctx, record, Purpose.ACTIVATE)
    with succession.alone(ctx, KIND):
        operation = ctx.journal.begin(KIND, {"backup_id": record.backup_id, **asdict(token.id)})
        async with taken_up(ctx, operation, resume):
            return await _until_restored(ctx, _Spare(record, token, operation), wanted)


@dataclass(frozen=True, slots=True)
class _Spare:
    """The backup, the token that carries its key, and the operation."""

    record: BackupRecord
    token: TokenSeen
    operation: Operation

    def state(self, ctx: Context) -> BackupState:
        return ctx.state.backups[self.record.backup_id].state


async def _meant(ctx: Context, wanted: ActivateParams) -> tuple[BackupRecord, TokenSeen]:
    """The backup and its token, which has to be here; either may be named."""
    if wanted.backup_id is not None:
        record = ctx.state.backups[wanted.backup_id]
        if record.token is not None:
            return record, await succession.its_token(ctx, record.token.serial)
        return record, await find_token(ctx, wanted.token)
    token = await find_token(ctx, wanted.token)
    return _carried(ctx, token), token


def _carried(ctx: Context, token: TokenSeen) -> BackupRecord:
    """The backup of that token; where this computer does not know, the only one that it could be.

    :raises CustodeError: NO_BACKUP_ON_TOKEN, BACKUP_AMBIGUOUS
    """
    spares = [backup for backup in ctx.state.backups.values() if on_token(backup)]
    known = _best(backup for backup in spares if backup.token == token.id)
    found = known or _best(backup for backup in spares if backup.token is None)
    name = token.label or token.id.serial
    if not found:
        raise CustodeError(ErrorCode.NO_BACKUP_ON_TOKEN, token=name)
    if len(found) > 1:
        ids = ", ".join(sorted(backup.backup_id for backup in found))
        raise CustodeError(ErrorCode.BACKUP_AMBIGUOUS, backup=name, ids=ids)
    return found[0]


def _best(backups: Iterable[BackupRecord]) -> list[BackupRecord]:
    """Those that can go on; without any the newest, of which the gate says why it cannot."""
    ordered = sorted(backups, key=lambda backup: (backup.created_at, backup.backup_id))
    return [backup for backup in ordered if backup.state in _BY_LIFE] or ordered[-1:]


async def _until_restored(ctx: Context, spare: _Spare, wanted: ActivateParams) -> dict[str, Any]:
    """Request, wait, collect and confirm; nobody is logged in while the desk is waited for."""
    done: dict[str, Any] | None = None
    while done is None:
        await _wait_for_approval(ctx, spare, wait=wanted.wait)
        async with login(ctx, spare.token, why=KIND) as session:
            done = await _go_on(session, spare, wanted.reason)
    now, record = ctx.clock.now(), spare.record
    fingerprint, key_id = done["fingerprint_sha256"], done["key_id"]
    await ctx.post(BackupRestored(record.backup_id, fingerprint, spare.token.id, key_id, now))
    await refresh(ctx)
    await promote(ctx, spare.token)
    spare.operation.done(successor_sha256=fingerprint)
    return {
        "backup_id": record.backup_id,
        "state": spare.state(ctx),
        "token": spare.token.id.serial,
        "label": spare.token.label,
        "key_id": key_id,
        "original_sha256": record.original_sha256,
        "successor_sha256": fingerprint,
        "serial_number": done["serial_number"],
        "expires_at": done["expires_at"],
        "certificate": done["der"],
        "grant": done["grant"],
        "challenge": done["challenge"],
        "signature": done["signature"],
    }


async def _wait_for_approval(ctx: Context, spare: _Spare, *, wait: bool) -> None:
    """Return when it is not waiting for anybody.

    :raises CustodeError: STILL_GENERATING while it is, and nobody wants to wait
    """
    if spare.state(ctx) is not BackupState.REQUESTED:
        return
    if not wait:
        raise CustodeError(
            ErrorCode.STILL_GENERATING, operation=spare.record.backup_id, retry_after_s=POLL_S
        )
    await ctx.client.unless_gone(_until_approved(ctx, spare))


async def _until_approved(ctx: Context, spare: _Spare) -> None:
    while spare.state(ctx) is BackupState.REQUESTED:
        await ctx.client.progress("backup.waiting_for_approval", operation=spare.operation.id)
        await ctx.clock.sleep(POLL_S)
        await refresh(ctx)


async def _go_on(session: TokenSession, spare: _Spare, reason: str) -> dict[str, Any] | None:
    """What can be done within one login; None when somebody has to approve it first.

    A person may take minutes over a PIN, and the original may come back meanwhile: the gate is
    asked again before anything is signed.
    """
    ctx = session.ctx
    key_id, spki = _key(session, spare.record)
    await session.prove(key_id, spki)
    await pass_gate(ctx, spare.record, Purpose.ACTIVATE)
    if spare.state(ctx) is BackupState.REGISTERED:
        await _request(session, spare, (key_id, spki), reason)
        if spare.state(ctx) is BackupState.REQUESTED:
            return None
    try:
        return await _succeed(session, spare, (key_id, spki))
    except CustodeError as error:
        if error.code is not ErrorCode.APPROVAL_EXPIRED:
            raise
    await _request(session, spare, (key_id, spki), reason)
    if spare.state(ctx) is BackupState.REQUESTED:
        return None
    return await _succeed(session, spare, (key_id, spki))


def _key(session: TokenSession, record: BackupRecord) -> tuple[str, bytes]:
    """Id and SPKI of the key that was registered: known by its hash, not by where it lies.

    :raises CustodeError: NO_SUCH_KEY
    """
    for row in session.keys:
        spki: bytes = row["public_key"] or b""
        if hashlib.sha256(spki).hexdigest() == record.successor_key_sha256:
            return row["key_id"], spki
    named = (record.successor_key_sha256 or record.backup_id)[:16]
    raise CustodeError(ErrorCode.NO_SUCH_KEY, key_id=named, token=session.token.label)


async def _request(
    session: TokenSession, spare: _Spare, key: tuple[str, bytes], reason: str
) -> None:
    ctx, (key_id, spki) = session.ctx, key
    told = {"backup_id": spare.record.backup_id, "spki": spki, "reason": reason}
    callbacks = session.callbacks(key_id, spare.operation)
    view = msgspec.convert(await ask(ctx, "spare.request", told, callbacks=callbacks), BackupView)
    spare.operation.step("requested")
    now = ctx.clock.now()
    await ctx.post(BackupsListed(rows=(backup_row(view, now),), at=now))


async def _succeed(session: TokenSession, spare: _Spare, key: tuple[str, bytes]) -> dict[str, Any]:
    """Collect, install, prove, confirm."""
    key_id, spki = key
    proof: dict[str, Any] = {}
    told = {
        "backup_id": spare.record.backup_id,
        "original_sha256": spare.record.original_sha256,
        "spki": spki,
    }
    callbacks = _onto_spare(session, spare, key, proof)
    done = await ask(session.ctx, "spare.succeed", told, callbacks=callbacks, deadline_s=DEADLINE_S)
    return {**done, **proof, "key_id": key_id}


def _onto_spare(
    session: TokenSession, spare: _Spare, key: tuple[str, bytes], proof: dict[str, Any]
) -> dict[str, Callback]:
    """What the job asks the spare for; each is safe to repeat after a crash."""
    ctx, (key_id, spki) = session.ctx, key

    async def install(params: dict[str, Any]) -> Any:
        await stop_if_shut(ctx, spare.record)
        await ctx.client.progress("succession.installing", operation=spare.operation.id)
        label = identity_of(ctx).code
        told = {"key_id": key_id, "der": params["der"], "label": label}
        await session.call("install_certificate", told)
        spare.operation.step("installed", key_id=key_id)
        return {}

    async def challenge(_params: dict[str, Any]) -> Any:
        proof.update(await session.prove(key_id, spki))
        return {}

    return {
        **session.callbacks(key_id, spare.operation),
        "token.install": install,
        "token.challenge": challenge,
    }


async def resume(ctx: Context, operation: Operation) -> None:
    """Confirmed at the authority: the spare is the original. Else the command is run again.

    Only the spare's own key confirms, so it was on the token of this operation.
    """
    await refresh(ctx)
    record = ctx.state.backups.get(operation.data["backup_id"])
    installed, token = operation.step_data("installed"), operation.token
    if (
        record is None
        or record.state is not BackupState.RESTORED
        or record.successor_sha256 is None
        or installed is None
        or token is None
    ):
        operation.undone(why="to be run again")
        return
    await _take_place(ctx, record, token, installed["key_id"])
    operation.done(successor_sha256=record.successor_sha256)


async def _take_place(ctx: Context, record: BackupRecord, token: TokenId, key_id: str) -> None:
    now, fingerprint = ctx.clock.now(), record.successor_sha256 or ""
    await ctx.post(BackupRestored(record.backup_id, fingerprint, token, key_id, now))
