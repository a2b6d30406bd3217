"""Open, activate and restore a backup, in the order of backup.md."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from custode.domain.events import BackupRestored, BackupsListed, TokenPromoted
from custode.domain.gate import Purpose
from custode.domain.model import TokenId
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures import copies, spare_activation
from custode.procedures.counter import ask, backup_row, refresh
from custode.procedures.folder import pass_gate, read, spare_named, stop_if_shut
from custode.procedures.install import promote
from custode.procedures.session import find_token, job_callbacks, login, refuse_retired
from custode.taking_up import taken_up
from custode_authority.wire.messages import BackupView
from custode_authority.wire.states import BackupState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from custode.daemon.context import Callback, Context
    from custode.daemon.journal import Operation
    from custode.procedures.folder import Folder
    from custode.procedures.session import TokenSession

ACTIVATE: Final = "backup.activate"
RESTORE: Final = "backup.restore"
DEADLINE_S: Final = 120.0
POLL_S: Final = 5


async def open_(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Decrypt in memory and prove the key; writes nothing. A copy only a token can open.

    :raises CustodeError: GATE_CLOSED, WRONG_BACKUP_PIN, CONTAINER_NOT_OPENED, NO_TAKER …
    """
    folder = await read(ctx, str(params["folder"]))
    await pass_gate(ctx, folder, Purpose.OPEN)
    if copies.is_copy(folder):
        opened = await _proved_on_token(ctx, folder, params.get("token"))
    else:
        opened = await _with_pin(ctx, folder, Purpose.OPEN, "backup.open")
    return {
        "backup_id": folder.backup_id,
        "proved": opened["proved"],
        "successor_sha256": opened["fingerprint_sha256"],
        "serial_number": opened["serial_number"],
        "expires_at": opened["expires_at"],
        "would": ["import_key", "install_certificate", "confirm_restored"],
    }


async def _proved_on_token(ctx: Context, folder: Folder, named: str | None) -> dict[str, Any]:
    """Have a token unwrap the copy into a session of ours, prove it, and forget it."""
    token = await copies.taker(ctx, folder, named)
    async with login(ctx, token, why="backup.open") as session:
        with copies.pipe() as through:

            async def import_(params: dict[str, Any]) -> Any:
                await stop_if_shut(ctx, folder)
                return {"key_id": await copies.unwrapped(session, params, through, stay=False)}

            async def rehearse(params: dict[str, Any]) -> Any:
                return await copies.rehearsed(session, params)

            callbacks = {"token.import": import_, "token.rehearse": rehearse}
            fds = (through.write_end.fileno(),)
            return await _with_pin(ctx, folder, Purpose.OPEN, "backup.open", fds, callbacks)


class ActivateParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `backup.activate`: a folder, or a backup's id or token for one on a spare."""

    folder: str | None = None
    on_token: str | None = None
    reason: Literal["lost", "theft", "malfunction"]
    wait: bool = False


async def activate(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Ask for the activation, and collect it once it is approved. Can be repeated at any step.

    Collecting ends the original for good and begins the successor's certificate.
    :raises CustodeError: GATE_CLOSED while the original is active, STILL_GENERATING while nobody
        has approved and `wait` is false, WRONG_BACKUP_PIN, BACKUP_LOCKED …
    """
    wanted = msgspec.convert(params, ActivateParams)
    on_spare = spare_named(ctx, wanted.folder)
    if wanted.on_token is not None or on_spare is not None:
        meant = spare_activation.ActivateParams(
            reason=wanted.reason,
            wait=wanted.wait,
            backup_id=None if on_spare is None else on_spare.backup_id,
            token=wanted.on_token,
        )
        return await spare_activation.activate(ctx, meant)
    if wanted.folder is None:
        raise CustodeError(ErrorCode.USAGE, what="one_place")
    folder = await read(ctx, wanted.folder)
    copies.refuse_reason(folder, wanted.reason)
    await pass_gate(ctx, folder, Purpose.ACTIVATE)
    operation = ctx.journal.begin(ACTIVATE, {"backup_id": folder.backup_id, "folder": folder.path})
    try:
        opened = await _until_collected(ctx, folder, wanted, operation)
    except CustodeError as error:
        # The authority holds the state: running the command again goes on from there.
        operation.failed(code=error.code.value)
        raise
    operation.step("collected", successor_sha256=opened["fingerprint_sha256"])
    async with taken_up(ctx, operation, resume_activate):
        await refresh(ctx)
        operation.done()
    return {
        "backup_id": folder.backup_id,
        "state": ctx.state.backups[folder.backup_id].state,
        "original_sha256": folder.original_sha256,
        "successor_sha256": opened["fingerprint_sha256"],
        "serial_number": opened["serial_number"],
        "expires_at": opened["expires_at"],
        "certificate": opened["der"],
        "grant": opened["grant"],
    }


async def resume_activate(ctx: Context, operation: Operation) -> None:
    """The authority holds how far it came; `backup activate` goes on from there."""
    await refresh(ctx)
    if (collected := operation.step_data("collected")) is not None:
        operation.done(**collected)
    else:
        operation.undone(why="to be run again")


async def _until_collected(
    ctx: Context, folder: Folder, wanted: ActivateParams, operation: Operation
) -> dict[str, Any]:
    """Request, wait, collect; an approval that expired meanwhile is asked for once more."""
    state = ctx.state.backups[folder.backup_id].state
    if state is BackupState.REGISTERED:
        await _request(ctx, folder, wanted, operation)
    await _wait_for_approval(ctx, folder, wanted, operation)
    await pass_gate(ctx, folder, Purpose.ACTIVATE)
    await copies.require_taker(ctx, folder)
    try:
        return await _with_pin(ctx, folder, Purpose.ACTIVATE, "backup.collect")
    except CustodeError as error:
        if error.code is not ErrorCode.APPROVAL_EXPIRED:
            raise
    await _request(ctx, folder, wanted, operation)
    await _wait_for_approval(ctx, folder, wanted, operation)
    return await _with_pin(ctx, folder, Purpose.ACTIVATE, "backup.collect")


async def _request(
    ctx: Context, folder: Folder, wanted: ActivateParams, operation: Operation
) -> None:
    async with _backup_pin(ctx, folder, Purpose.ACTIVATE, "backup.activate") as pin:
        params = {**folder.job_params(), "reason": wanted.reason}
        view = msgspec.convert(await ask(ctx, "backup.request", params, (pin,)), BackupView)
    operation.step("requested")
    now = ctx.clock.now()
    await ctx.post(BackupsListed(rows=(backup_row(view, now),), at=now))


async def _wait_for_approval(
    ctx: Context, folder: Folder, wanted: ActivateParams, operation: Operation
) -> None:
    """Return when it is approved.

    :raises CustodeError: STILL_GENERATING while it is not and nobody wants to wait
    """
    if ctx.state.backups[folder.backup_id].state is not BackupState.REQUESTED:
        return
    if not wanted.wait:
        raise CustodeError(
            ErrorCode.STILL_GENERATING, operation=folder.backup_id, retry_after_s=POLL_S
        )
    await ctx.client.unless_gone(_until_approved(ctx, folder, operation))


async def _until_approved(ctx: Context, folder: Folder, operation: Operation) -> None:
    while ctx.state.backups[folder.backup_id].state is BackupState.REQUESTED:
        await ctx.client.progress("backup.waiting_for_approval", operation=operation.id)
        await ctx.clock.sleep(POLL_S)
        await refresh(ctx)


@asynccontextmanager
async def _backup_pin(
    ctx: Context, folder: Folder, purpose: Purpose, why: str
) -> AsyncIterator[int]:
    """The backup's PIN in a pipe, and the gate judged again once it was typed.

    A person may take minutes over a PIN, and the original may come back meanwhile.

    :raises CustodeError: GATE_CLOSED; the PIN was sent nowhere then
    """
    left = ctx.state.backups[folder.backup_id].tries_remaining
    async with ctx.client.secret("backup_pin", attempts_remaining=left, why=why) as pin:
        await pass_gate(ctx, folder, purpose)
        yield pin


async def _with_pin(
    ctx: Context,
    folder: Folder,
    purpose: Purpose,
    why: str,
    more_fds: tuple[int, ...] = (),
    more_callbacks: Mapping[str, Callback] | None = None,
) -> dict[str, Any]:
    async with _backup_pin(ctx, folder, purpose, why) as pin:
        callbacks = {**job_callbacks(ctx), **(more_callbacks or {})}
        fds = (pin, *more_fds)
        opened: dict[str, Any] = await ask(
            ctx, "backup.open", folder.job_params(), fds, callbacks, DEADLINE_S
        )
    return opened


async def restore(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Put the successor onto a token, which becomes the primary; the folder is dead then.

    A restore that broke off is run again: key and certificate on the token are taken as they are.
    :raises CustodeError: GATE_CLOSED, NO_SUCH_TOKEN, TOKEN_RETIRED, WRONG_BACKUP_PIN …
    """
    folder = await read(ctx, str(params["folder"]))
    token = await find_token(ctx, params.get("token"))
    refuse_retired(ctx, token)
    if copies.is_copy(folder):
        copies.require_unwrapping(token)
    await pass_gate(ctx, folder, Purpose.RESTORE)
    operation = ctx.journal.begin(RESTORE, {"backup_id": folder.backup_id, **asdict(token.id)})
    async with taken_up(ctx, operation, resume_restore):
        async with login(ctx, token, why="backup.restore") as session:
            restored, proof = await _restore_onto(ctx, folder, session, operation)
        fingerprint, key_id = restored["fingerprint_sha256"], restored["key_id"]
        now = ctx.clock.now()
        await ctx.post(BackupRestored(folder.backup_id, fingerprint, token.id, key_id, now))
        await refresh(ctx)
        await promote(ctx, token)
        operation.done(successor_sha256=fingerprint)
    return {
        "backup_id": folder.backup_id,
        "token": token.id.serial,
        "label": token.label,
        "key_id": restored["key_id"],
        "successor_sha256": fingerprint,
        "serial_number": restored["serial_number"],
        "expires_at": restored["expires_at"],
        "certificate": restored["der"],
        "challenge": proof["challenge"],
        "signature": proof["signature"],
    }


async def resume_restore(ctx: Context, operation: Operation) -> None:
    """Confirmed at the authority: the token is the primary. Else `backup restore` runs again."""
    await refresh(ctx)
    data, imported = operation.data, operation.step_data("imported")
    record = ctx.state.backups.get(data["backup_id"])
    successor = record.successor_sha256 if record is not None else None
    if (
        imported is None
        or successor is None
        or ctx.state.backups[data["backup_id"]].state is not BackupState.RESTORED
    ):
        operation.undone(why="to be run again")
        return
    # Only the successor's own key confirms, so it lies on the token of this operation, here or not.
    token = TokenId(data["manufacturer"], data["model"], data["serial"])
    now = ctx.clock.now()
    key_id = imported["key_id"]
    await ctx.post(BackupRestored(data["backup_id"], successor, token, key_id, now))
    await ctx.post(TokenPromoted(token, now))
    operation.done(successor_sha256=successor)


async def _restore_onto(
    ctx: Context, folder: Folder, session: TokenSession, operation: Operation
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Collect, import, install, prove, confirm; the key goes from job to token by a pipe."""
    proof: dict[str, Any] = {}
    with copies.pipe() as through:
        callbacks = _onto_token(session, folder, through, proof, operation)
        async with _backup_pin(ctx, folder, Purpose.RESTORE, "backup.restore") as pin:
            fds = (pin, through.write_end.fileno())
            restored = await ask(
                ctx, "backup.restore", folder.job_params(), fds, callbacks, DEADLINE_S
            )
    return restored, proof


def _onto_token(
    session: TokenSession,
    folder: Folder,
    through: copies.Pipe,
    proof: dict[str, Any],
    operation: Operation,
) -> dict[str, Callback]:
    """What the job asks the token for; each is safe to repeat after a crash."""
    chosen: dict[str, str] = {}

    async def rehearse(params: dict[str, Any]) -> Any:
        return await copies.rehearsed(session, params)

    async def import_(params: dict[str, Any]) -> Any:
        key_id: str = params["key_id"]
        told = {"key_id": key_id, "label": session.token.label}
        await stop_if_shut(session.ctx, folder)
        there = [row for row in session.keys if row["public_key"] == params["public_key"]]
        if there:
            key_id = _left_by_a_restore(there[0], session)
        else:
            if any(row["key_id"] == key_id and not row["public_key"] for row in session.keys):
                # An import that was broken off left half a key pair, which no certificate fits.
                await session.call("destroy_key", {"key_id": key_id})
            if "wrapped" in params:
                key_id = await copies.unwrapped(session, params, through, stay=True)
            else:
                key_id = (await session.call("import_key", told, through.out()))["key_id"]
        chosen["key_id"] = key_id
        operation.step("imported", key_id=key_id)
        return {"key_id": key_id}

    async def install(params: dict[str, Any]) -> Any:
        told = {"key_id": params["key_id"], "der": params["der"], "label": session.token.label}
        await session.call("install_certificate", told)
        operation.step("installed")
        return {}

    async def challenge(params: dict[str, Any]) -> Any:
        proof.update(await session.prove(params["key_id"], params["public_key"]))
        return {}

    async def sign(params: dict[str, Any]) -> Any:
        return await session.call(
            "sign", {"key_id": chosen["key_id"], "data": params["data"], "hash": "sha256"}
        )

    return {
        **job_callbacks(session.ctx, operation),
        "token.rehearse": rehearse,
        "token.import": import_,
        "token.install": install,
        "token.challenge": challenge,
        "token.sign": sign,
    }


def _left_by_a_restore(row: Mapping[str, Any], session: TokenSession) -> str:
    """The id of the key that an earlier run put here; one that could leave again is none of those.

    :raises CustodeError: KEY_EXISTS
    """
    key_id: str = row["key_id"]
    if row["extractable"]:
        raise CustodeError(ErrorCode.KEY_EXISTS, key_id=key_id, token=session.token.label)
    return key_id
