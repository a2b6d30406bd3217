"""Make a backup, look at one, declare one dead."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from custode.domain.certificates import cancellable, original, state_at
from custode.domain.events import BackupSaved
from custode.domain.model import BackupRecord
from custode.domain.spares import at_hand, label_of
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures import copies, spare
from custode.procedures.counter import ask, identity_of, refresh
from custode.procedures.session import (
    holder_of,
    job_callbacks,
    login,
    signed_by_active,
    while_wanted,
)
from custode.taking_up import take_up, taken_up
from custode_authority.wire.rome import day_in_rome
from custode_authority.wire.states import BackupKind, BackupState, CertificateState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from custode.daemon.context import Context
    from custode.daemon.journal import Operation
    from custode.domain.model import CertificateRecord
    from custode.procedures.session import TokenSession

KIND = "backup.create"
_TOLD: Final = ("backup_id", "kind", "folder", "path", "files", "container_sha256")
DEADLINE_S: Final = 180.0  # RSA 4096 in software and three memory-hard derivations


class CreateParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `backup.create`: `to` is the folder in which the backup's folder appears.

    Or `on_token`, instead: the spare token on which the successor's key is made.
    """

    to: str | None = None
    kind: BackupKind = BackupKind.SUCCESSOR
    on_token: str | None = None
    include: list[str] = []


async def create(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Make a backup of the certificate in use, signed by it on its token.

    :raises CustodeError: NO_CERTIFICATE, TOKEN_GONE, PIN_EQUAL, BACKUP_PIN_WEAK, FILE_UNWRITABLE …
    """
    wanted = msgspec.convert(params, CreateParams)
    if wanted.kind is BackupKind.COPY and wanted.on_token is not None:
        raise CustodeError(
            ErrorCode.NOT_SUPPORTED,
            capability=f"backup {wanted.kind}",
            on_token=wanted.on_token,
        )
    if (wanted.to is None) is (wanted.on_token is None) or (wanted.on_token and wanted.include):
        raise CustodeError(ErrorCode.USAGE, what="one_place")
    if wanted.on_token is not None:
        identity_of(ctx)
        await refresh(ctx)
        return await spare.create(ctx, _in_use(ctx), wanted.on_token)
    return await _in_folder(ctx, wanted, wanted.to or "")


async def _in_folder(ctx: Context, wanted: CreateParams, to: str) -> dict[str, Any]:
    identity = identity_of(ctx)
    private = [text for text in (identity.codice_fiscale, identity.name) if text]
    place = {"to": to, "include": wanted.include, "private_texts": private}
    await ctx.jobs.call("backup.precheck", place)
    await refresh(ctx)
    record = _in_use(ctx)
    token, held = await holder_of(ctx, record.fingerprint_sha256 or "")
    async with login(ctx, token, why="backup.create") as session:
        await session.prove_certified(held.key_id, record)
        if wanted.kind is BackupKind.COPY:
            copies.require_copyable(session, held.key_id)
        await _clear_up(ctx)
        operation = ctx.journal.begin(
            KIND,
            {
                "to": to,
                "device": _device(to),
                "code": identity.code,
                "include": wanted.include,
            },
        )
        told = {
            "to": to,
            "device": operation.data["device"],
            "include": wanted.include,
            "code": identity.code,
            "codice_fiscale": identity.codice_fiscale,
            "name": identity.name,
            "original": record.certificate,
            "on": day_in_rome(ctx.clock.now()).isoformat(),
            "support": ctx.config.support.address,
            "embedded": not ctx.config.authority.url,
            "kind": wanted.kind,
        }
        async with taken_up(ctx, operation, resume):
            async with _backup_pin(session) as pin:
                with _inside(session, held.key_id, wanted.kind) as (fds, more):
                    callbacks = while_wanted(ctx, session.callbacks(held.key_id, operation) | more)
                    given = (pin, *fds)
                    made = await ask(ctx, "backup.create", told, given, callbacks, DEADLINE_S)
            await _saved(ctx, operation, made)
    return {**{key: made[key] for key in _TOLD}, "spare_at_hand": _spares(ctx)}


@contextmanager
def _inside(session: TokenSession, key_id: str, kind: BackupKind) -> Iterator[copies.Saving]:
    """What the job needs of the original's token besides its signatures, by the kind of backup."""
    if kind is not BackupKind.COPY:
        yield (), {}
        return
    with copies.saving(session, key_id) as needed:
        yield needed


def _spares(ctx: Context) -> list[dict[str, str]]:
    """Second tokens that are here and would make the better backup: their key never leaves them."""
    return [{"serial": one.id.serial, "label": one.label} for one in at_hand(ctx.state)]


def _in_use(ctx: Context) -> CertificateRecord:
    record = original(ctx.state)
    if record is None or state_at(record, ctx.state.now) is not CertificateState.ACTIVE:
        raise CustodeError(ErrorCode.NO_CERTIFICATE)
    return record


@asynccontextmanager
async def _backup_pin(session: TokenSession) -> AsyncIterator[int]:
    """The new backup PIN in a pipe, once the token's worker saw that it is not its own PIN."""
    read, write = os.pipe2(os.O_CLOEXEC)
    try:
        async with session.ctx.client.secret("backup_pin_new", why="backup.create") as given:
            try:
                await session.call("relay_distinct", {}, (given, write))
            finally:
                os.close(write)
        yield read
    finally:
        os.close(read)


async def _saved(ctx: Context, operation: Operation, made: dict[str, Any]) -> None:
    now = ctx.clock.now()
    record = BackupRecord(
        backup_id=made["backup_id"],
        kind=BackupKind(made["kind"]),
        state=BackupState.REGISTERED,
        original_sha256=made["original_sha256"],
        created_at=datetime.fromisoformat(made["created_at"]),
        said_at=now,
        container_sha256=made["container_sha256"],
        folder_name=made["folder"],
        folder_path=made["path"],
    )
    await ctx.post(BackupSaved(record, now))
    operation.done(backup_id=made["backup_id"], path=made["path"])


async def _clear_up(ctx: Context) -> None:
    """Earlier backups whose stick was gone: it may be back. Called while nobody makes another."""
    for operation in ctx.journal.pending(KIND):
        await take_up(ctx, operation, resume)


def _device(folder: str) -> int | None:
    """The volume that a folder lies on; a mount point without its volume lies on another one."""
    try:
        return Path(folder).stat().st_dev
    except OSError:
        return None


async def resume(ctx: Context, operation: Operation) -> None:
    """After a crash or a failure: keep what the authority confirmed, take away what it did not.

    While the volume is gone the operation stays pending: half a folder may lie on it.
    """
    reserved = operation.step_data("reserved")
    if reserved is None:
        operation.undone(why="nothing was reserved")
        return
    told = {**operation.data, "backup_id": reserved["backup_id"]}
    swept = await ask(ctx, "backup.sweep", told, callbacks=job_callbacks(ctx, operation))
    await refresh(ctx)
    if not swept["registered"]:
        there = _device(operation.data["to"]) == operation.data["device"]
        if not there and not swept["removed"]:
            return
        operation.undone(removed=swept["removed"])
        return
    path = swept["path"]
    record = ctx.state.backups[reserved["backup_id"]]
    if path is not None:
        record = replace(record, folder_name=Path(path).name, folder_path=path)
    await ctx.post(BackupSaved(record, ctx.clock.now()))
    operation.done(backup_id=record.backup_id, path=path)


async def list_(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Every backup as the authority has it now, and where its folder was written."""
    del params
    await refresh(ctx)
    # One that was only reserved never came to be: nobody could do anything with it.
    made = [b for b in ctx.state.backups.values() if b.container_sha256 or b.successor_key_sha256]
    records = sorted(made, key=lambda b: b.created_at)
    return {"backups": [told(ctx, record) for record in records]}


def told(ctx: Context, record: BackupRecord) -> dict[str, Any]:
    """One backup for people and scripts."""
    return {
        "backup_id": record.backup_id,
        "kind": record.kind,
        "state": record.state,
        "created_at": record.created_at,
        "original_sha256": record.original_sha256,
        "successor_sha256": record.successor_sha256,
        "container_sha256": record.container_sha256,
        "tries_remaining": record.tries_remaining,
        "retired_why": record.retired_why,
        "folder": record.folder_name,
        "path": record.folder_path,
        "place": record.place,
        "token": None if record.token is None else record.token.serial,
        "label": label_of(ctx.state, record.token),
        "requested_at": record.requested_at,
        "approved_at": record.approved_at,
    }


async def named(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """One backup, named by its id or by its folder's name where only one is called so.

    `signer`: the token that would sign to retire it, and whether it is here.

    :raises CustodeError: NO_SUCH_BACKUP, BACKUP_AMBIGUOUS
    """
    record = await _named(ctx, str(params.get("backup", "")))
    return {**told(ctx, record), "signer": _signer(ctx)}


def _signer(ctx: Context) -> dict[str, Any] | None:
    state = ctx.state
    tokens = [
        record.token
        for record in cancellable(state)
        if record.token is not None and state_at(record, state.now) is CertificateState.ACTIVE
    ]
    if not tokens:
        return None
    token = next((one for one in tokens if state.insertion(one) is not None), tokens[0])
    here = state.insertion(token) is not None
    return {"serial": token.serial, "label": label_of(state, token), "present": here}


async def _named(ctx: Context, name: str) -> BackupRecord:
    await refresh(ctx)
    known = ctx.state.backups
    if name in known:
        return known[name]
    found = [b for b in known.values() if b.folder_name and b.folder_name == Path(name).name]
    if not found:
        raise CustodeError(ErrorCode.NO_SUCH_BACKUP, backup=name)
    if len(found) > 1:
        ids = ", ".join(sorted(b.backup_id for b in found))
        raise CustodeError(ErrorCode.BACKUP_AMBIGUOUS, backup=name, ids=ids)
    return found[0]


async def retire(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Declare one backup dead (a lost stick); the original stays as it is.

    :raises CustodeError: NO_SUCH_BACKUP, BACKUP_AMBIGUOUS, TOKEN_GONE …
    """
    backup_id = (await _named(ctx, str(params.get("backup_id", "")))).backup_id
    async with signed_by_active(ctx, why="backup.retire") as signer:
        params = {"backup_id": backup_id, "signer_spki": signer.spki}
        await ask(ctx, "backup.retire", params, callbacks=signer.callbacks())
    await refresh(ctx)
    return told(ctx, ctx.state.backups[backup_id])
