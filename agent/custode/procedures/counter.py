"""The authority as the procedures see it: where it is, its list, its signed word."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from custode.domain.events import (
    AuthorityReachable,
    AuthorityUnreachable,
    BackupsListed,
    IdentitySet,
    OperationsListed,
    StatusAnswered,
)
from custode.domain.gate import Answer
from custode.domain.model import BackupRecord, CertificateRecord
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode_authority.wire.messages import BackupView, OperationView, StatusStatement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from custode.daemon.context import AuthorityAddress, Callback, Context
    from custode.domain.model import Identity

# An answer may wait for the embedded authority to issue a certificate; nothing there takes longer.
DEADLINE_S = 60.0

# What the agent cannot tell apart from "nobody is there": nothing is known, the gate stays closed.
UNREACHABLE = frozenset(
    {
        ErrorCode.AUTHORITY_UNAVAILABLE,
        ErrorCode.AUTHORITY_STOPPED,
        ErrorCode.AUTHORITY_SILENT,
        ErrorCode.AUTHORITY_LOST,
        ErrorCode.AUTHORITY_UNTRUSTED,
        ErrorCode.CLOCK_WRONG,
        ErrorCode.TIMED_OUT,
    }
)

# Somebody answered, but nothing that the gate could go by: just as unknown.
_NO_ANSWER = frozenset(
    {ErrorCode.AUTHORITY_NONSENSE, ErrorCode.UNKNOWN_TO_AUTHORITY, ErrorCode.JOB_FAILED}
)


def identity_of(ctx: Context) -> Identity:
    """Who this agent serves.

    :raises CustodeError: NO_IDENTITY before `identity set`
    """
    if ctx.state.identity is None:
        raise CustodeError(ErrorCode.NO_IDENTITY)
    return ctx.state.identity


def job_params(address: AuthorityAddress, home: Path, code: str) -> dict[str, str]:
    """`authority` as the jobs take it; the API key lies 0600 beside the authority's own files."""
    folder = Path(address.home) if address.home is not None else home / "authority"
    return {
        "url": address.url,
        "pin_sha256": address.pin_sha256,
        "ca_certificate": str(folder / "ca.pem"),
        "api_key_file": str(folder / "accounts" / f"{code}.key"),
    }


async def ask(
    ctx: Context,
    method: str,
    params: Mapping[str, Any] | None = None,
    fds: Sequence[int] = (),
    callbacks: Mapping[str, Callback] | None = None,
    deadline_s: float = DEADLINE_S,
) -> Any:
    """Run a job that talks to the authority; whether it answered becomes an event."""
    identity = identity_of(ctx)
    try:
        async with ctx.authority.in_use() as address:
            where = job_params(address, ctx.paths.home, identity.code)
            if known := ctx.audit.authority_head_of(address.pin_sha256):
                where["known_head"] = known
            result = await ctx.jobs.call(
                method, {**(params or {}), "authority": where}, fds, callbacks, deadline_s
            )
    except CustodeError as error:
        if error.code in UNREACHABLE:
            await ctx.post(AuthorityUnreachable(why=error.code, at=ctx.clock.now()))
        raise
    await ctx.post(AuthorityReachable(at=ctx.clock.now()))
    return result


async def refresh(ctx: Context) -> None:
    """Take over the authority's list of requests and of backups."""
    listed = await ask(ctx, "overview")
    now = ctx.clock.now()
    said = listed["head"]
    ctx.audit.remember_authority_head(said["audit_head"], datetime.fromisoformat(said["at"]))
    operations = msgspec.convert(listed["operations"], list[OperationView])
    backups = msgspec.convert(listed["backups"], list[BackupView])
    requests = tuple(certificate_row(view, now) for view in operations)
    await ctx.post(OperationsListed(rows=requests, at=now))
    await ctx.post(BackupsListed(rows=tuple(backup_row(b, now) for b in backups), at=now))
    await _learn_ceased(ctx, ceased=listed["ceased"])


async def _learn_ceased(ctx: Context, *, ceased: bool) -> None:
    identity = identity_of(ctx)
    if identity.ceased is not ceased:
        await ctx.post(IdentitySet(replace(identity, ceased=ceased), ctx.clock.now()))


def certificate_row(view: OperationView, said_at: datetime) -> CertificateRecord:
    """An authority's row as the domain keeps it; our own facts are merged there."""
    return CertificateRecord(
        id_operazione=view.id_operazione,
        file_name=view.file_name,
        state=view.state,
        key_sha256=view.key_sha256,
        requested_at=view.requested_at,
        said_at=said_at,
        expires_at=view.expires_at,
        outcome=view.outcome,
        serial_number=view.serial_number,
        fingerprint_sha256=view.fingerprint_sha256,
        certificate=view.certificate,
        cancelled_at=view.cancelled_at,
        crl_reason=view.crl_reason,
    )


def backup_row(view: BackupView, said_at: datetime) -> BackupRecord:
    """A backup's row as the domain keeps it."""
    return BackupRecord(
        backup_id=view.backup_id,
        kind=view.kind,
        state=view.state,
        original_sha256=view.original_sha256,
        created_at=view.registered_at or view.reserved_at,
        said_at=said_at,
        successor_sha256=view.successor_sha256,
        container_sha256=view.container_sha256,
        tries_remaining=view.tries_remaining,
        retired_why=view.retired_why,
        place=view.place,
        successor_key_sha256=view.successor_key_sha256,
        requested_at=view.requested_at,
        approved_at=view.approved_at,
    )


async def answer_on(ctx: Context, fingerprint_sha256: str, backup_id: str) -> Answer | None:
    """Ask what became of an original and of its backup, with a nonce, for one use of the gate.

    None when the authority does not answer: unknown, and so closed.
    """
    try:
        told = await ask(
            ctx, "facts", {"fingerprint_sha256": fingerprint_sha256, "backup_id": backup_id}
        )
    except CustodeError as error:
        if error.code not in UNREACHABLE | _NO_ANSWER:
            raise
        return None
    await _learn_ceased(ctx, ceased=told["ceased"])
    original = msgspec.convert(told["status"], StatusStatement)
    await believe(ctx, original)
    successor = None
    if told["successor"] is not None:
        statement = msgspec.convert(told["successor"], StatusStatement)
        await believe(ctx, statement)
        successor = statement.state
    backup = msgspec.convert(told["backup"], BackupView)
    await ctx.post(BackupsListed(rows=(backup_row(backup, original.at),), at=ctx.clock.now()))
    return Answer(
        at=original.at,
        original=original.state,
        successor=successor,
        backup=backup.state,
        ceased=told["ceased"],
        expires_at=original.expires_at,
    )


async def believe(ctx: Context, statement: StatusStatement) -> None:
    """Take over a verified statement, and the head of the authority's log that came with it."""
    ctx.audit.remember_authority_head(statement.audit_head, statement.at)
    await ctx.post(
        StatusAnswered(
            fingerprint_sha256=statement.fingerprint_sha256,
            state=statement.state,
            said_at=statement.at,
            at=ctx.clock.now(),
            crl_reason=statement.crl_reason,
            changed_at=statement.changed_at,
        )
    )
