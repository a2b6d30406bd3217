"""Make a key on the token and a PKCS#10 signed there (RFC 2986)."""

from __future__ import annotations

import base64
import hashlib
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec

from custode.domain.events import TokenAdopted
from custode.domain.model import TokenId
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures import copies
from custode.procedures.counter import identity_of
from custode.procedures.session import (
    KEY_DEADLINE_S,
    find_token,
    login,
    refuse_retired,
    refuse_spare,
)
from custode.taking_up import taken_up

if TYPE_CHECKING:
    from pathlib import Path

    from custode.daemon.context import Context
    from custode.daemon.journal import Operation
    from custode.procedures.session import TokenSession

KIND = "csr"


class CreateParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `csr.create`; `key` is a KeySpec of the drivers."""

    key: str = "rsa2048"
    token: str | None = None
    copyable: bool = False


async def create(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Make the key, have the token sign the request, keep the request for `request`.

    A run that broke off after the key was made takes that key up again: no key is left behind.
    :raises CustodeError: NO_IDENTITY, NO_SUCH_TOKEN, TOKEN_RETIRED, SPARE_TAKEN, NOT_SUPPORTED, and
        what `login` raises
    """
    wanted = msgspec.convert(params, CreateParams)
    identity_of(ctx)
    token = await find_token(ctx, wanted.token)
    refuse_retired(ctx, token)
    refuse_spare(ctx, token)
    if wanted.copyable:
        copies.require_unwrapping(token)  # a key that could never be copied is not made so
    serial = token.id.serial
    async with login(ctx, token, why="csr") as session:
        operation = _unfinished(ctx, token.id, wanted) or ctx.journal.begin(
            KIND, {**asdict(token.id), "key": wanted.key, "copyable": wanted.copyable}
        )
        async with taken_up(ctx, operation, resume):
            made = await sign_request(session, operation, wanted)
            told = {name: made[name] for name in ("file_name", "key_id", "key_sha256")}
            operation.done(**told, **asdict(token.id))
            await ctx.post(TokenAdopted(token.id, ctx.clock.now()))
    await ctx.tokens_read(token.module)
    return {**made, "key": wanted.key, "token": serial, "extractable": wanted.copyable}


async def sign_request(
    session: TokenSession, operation: Operation, wanted: CreateParams
) -> dict[str, str]:
    """Make the operation's key, or take it up, and have the token sign its request; kept on disk.

    Gives `csr` (PEM), `file_name`, `key_id` and `key_sha256`.
    """
    ctx = session.ctx
    identity = identity_of(ctx)
    key_id, spki = await key_for(session, operation, wanted, identity.code)
    await session.prove(key_id, spki)
    await ctx.client.progress("csr.signing", operation=operation.id)
    answer = await session.call("csr", {"key_id": key_id, "common_name": identity.codice_fiscale})
    digest = hashlib.sha256(spki).hexdigest()
    day = ctx.clock.now().date().isoformat()
    file_name = f"{identity.code}_{day}_{digest[:8]}.csr"
    pem = to_pem(answer["csr"])
    keep(ctx, file_name, pem)
    return {"csr": pem, "file_name": file_name, "key_id": key_id, "key_sha256": digest}


async def resume(ctx: Context, operation: Operation) -> None:
    """A key may lie on the token: `csr` on that token takes it up, so the operation stays open."""
    if operation.step_data("key") is None and operation.step_data("making") is None:
        operation.undone(why="no key was made")
    del ctx


def _unfinished(ctx: Context, token: TokenId, wanted: CreateParams) -> Operation | None:
    meant = (token, wanted.key, wanted.copyable)
    for operation in ctx.journal.pending(KIND):
        data = operation.data
        if (operation.token, data["key"], data.get("copyable", False)) == meant:
            return operation
    return None


async def key_for(
    session: TokenSession, operation: Operation, wanted: CreateParams, label: str
) -> tuple[str, bytes]:
    """Key id and SPKI: of the key this operation made before a crash, else of a new one."""
    if (made := operation.step_data("key")) is not None:
        row = next((k for k in session.keys if k["key_id"] == made["key_id"]), None)
        if row is not None and row["public_key"] and row["extractable"] == wanted.copyable:
            return row["key_id"], row["public_key"]
    elif (row := await left_by(session, operation, label, copyable=wanted.copyable)) is not None:
        operation.step("key", key_id=row["key_id"])
        return row["key_id"], row["public_key"]
    broke_off = operation.step_data("making") is not None
    operation.step("making", before=[row["key_id"] for row in session.keys])
    await session.ctx.client.progress("csr.key", operation=operation.id)
    row = await session.call(
        "generate_key",
        {"spec": wanted.key, "label": label, "copyable": wanted.copyable, "again": broke_off},
        deadline_s=KEY_DEADLINE_S,
    )
    operation.step("key", key_id=row["key_id"])
    return row["key_id"], row["public_key"]


async def left_by(
    session: TokenSession, operation: Operation, label: str, *, copyable: bool = False
) -> dict[str, Any] | None:
    """The key that a run made before it could journal that; half a key pair is taken away.

    Only what came onto the token since that run began, bears our label and is nobody else's, and
    stays on the token or can leave it as is wanted.
    """
    if (making := operation.step_data("making")) is None:
        return None
    ctx, token = session.ctx, session.token.id
    others = [o.step_data("key") for o in ctx.journal.pending() if o.id != operation.id]
    others += [done.step_data("key") for done in ctx.journal.ended(KIND)]
    spares = {backup.key_id for backup in ctx.state.backups.values() if backup.token == token}
    named = (other["key_id"] for other in others if other is not None)
    taken = {*making["before"], *named, *spares}
    certified = {record.key_sha256 for record in ctx.state.certificates.values()}
    for row in session.keys:
        if row["key_id"] in taken or row["label"] != label:
            continue
        if not row["public_key"]:
            await session.call("destroy_key", {"key_id": row["key_id"]})
        elif row["extractable"] != copyable:
            continue
        elif hashlib.sha256(row["public_key"]).hexdigest() not in certified:
            return row
    return None


def made_here(ctx: Context, key_sha256: str) -> tuple[TokenId, str] | None:
    """On which token, under which id, a request's key was made here; None: it was not."""
    for operation in ctx.journal.ended(KIND):
        made = operation.result
        if made.get("key_sha256") == key_sha256:
            token = TokenId(made["manufacturer"], made["model"], made["serial"])
            return token, made["key_id"]
    return None


def to_pem(der: bytes) -> str:
    """RFC 7468 §7: a PKCS#10 as text."""
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode("ascii"), 64))
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n"


def keep(ctx: Context, file_name: str, pem: str) -> None:
    """Keep the request under our own home, for `request` without `--csr`."""
    folder = _kept(ctx)
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / file_name).write_text(pem, "ascii")


def kept(ctx: Context, file_name: str) -> str | None:
    """The PEM of a request made here; None: it is not there any more."""
    try:
        return (_kept(ctx) / file_name).read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return None


def _kept(ctx: Context) -> Path:
    return ctx.paths.home / "requests"


def latest(ctx: Context) -> tuple[str, str]:
    """File name and PEM of the newest request made here.

    :raises CustodeError: FILE_MISSING when none was made
    """
    folder = _kept(ctx)
    files = sorted(folder.glob("*.csr"), key=lambda path: path.stat().st_mtime_ns)
    if not files:
        raise CustodeError(ErrorCode.FILE_MISSING, path=str(folder / "*.csr"))
    return files[-1].name, files[-1].read_text("ascii")
