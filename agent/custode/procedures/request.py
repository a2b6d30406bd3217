"""Send a request to the portal and wait for what comes of it; list what was requested."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from custode.domain.certificates import state_at
from custode.domain.events import CertificateRequested
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures import csr
from custode.procedures.counter import UNREACHABLE, ask, identity_of, refresh
from custode.procedures.session import signed_by_active
from custode.taking_up import behind
from custode_authority.wire.states import CertificateState

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Mapping

    from custode.daemon.context import Callback, Context
    from custode.daemon.journal import Operation
    from custode.domain.model import CertificateRecord

KIND = "request"
LONGEST_PAUSE_S = 60
_UNDER_WAY = frozenset(
    {CertificateState.REQUESTED, CertificateState.GENERATING, CertificateState.ACTIVE}
)
# Who asks behind, by operation; the loop itself keeps only weak references.
_FOLLOWED: dict[str, asyncio.Future[None]] = {}
# When the portal is asked again, by the request's key.
_LOOKS: dict[str, datetime] = {}

_log = logging.getLogger(__name__)


class CreateParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `request.create`; `csr` is PEM text, None: the newest one made here."""

    csr: str | None = None
    file_name: str | None = None
    wait: bool = False


async def create(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Send the request once; with `wait` go on asking until there is a certificate.

    The same request sent again is the same operation (RFC 7030 §4.2.3), so this can be repeated.
    """
    wanted = msgspec.convert(params, CreateParams)
    identity = identity_of(ctx)
    file_name, pem = (
        (wanted.file_name or f"{identity.code}.csr", wanted.csr) if wanted.csr else csr.latest(ctx)
    )
    checked = await _check(ctx, pem, file_name)
    operation = _begin(ctx, file_name, pem, checked["key_sha256"])
    try:
        async with signer(ctx, checked["key_sha256"]) as (extra, callbacks):
            record, again_s = await _ask_once(ctx, operation, extra, callbacks)
        if again_s is not None and wanted.wait:
            record = await ctx.client.unless_gone(_poll(ctx, operation, again_s))
            again_s = None
    except CustodeError as error:
        if operation.is_pending and not _was_sent(ctx, operation):
            operation.failed(code=error.code.value)
        raise
    finally:
        # Whatever ended the waiting does not end the asking.
        if operation.is_pending and _was_sent(ctx, operation):
            follow(ctx, operation)
    return {**row(record, ctx), "retry_after_s": again_s}


async def _check(ctx: Context, pem: str, file_name: str) -> dict[str, Any]:
    """DER, subject and key of a request, whose own signature verifies.

    :raises CustodeError: CSR_INVALID, CSR_KEY, INTEGRITY
    """
    if not pem.isascii():
        raise CustodeError(ErrorCode.CSR_INVALID, path=file_name)
    told = {"csr": pem.encode("ascii"), "file_name": file_name}
    checked: dict[str, Any] = await ctx.jobs.call("csr.check", told)
    return checked


def _begin(ctx: Context, file_name: str, pem: str, key_sha256: str) -> Operation:
    """The operation of this request: the one under way, if it was sent before."""
    for operation in ctx.journal.pending(KIND):
        if operation.data["key_sha256"] == key_sha256:
            if (following := _FOLLOWED.pop(operation.id, None)) is not None:
                following.cancel()
            return operation
    return ctx.journal.begin(KIND, {"file_name": file_name, "csr": pem, "key_sha256": key_sha256})


def _was_sent(ctx: Context, operation: Operation) -> bool:
    """Whether the portal has it, whoever sent it."""
    return any(step.name == "sent" for step in ctx.journal.read(operation.id).steps)


async def resume(ctx: Context, operation: Operation) -> None:
    """After a restart: go on asking, if the request had been sent."""
    if not _was_sent(ctx, operation):
        operation.undone(why="it was not sent")
        return
    follow(ctx, operation)


@asynccontextmanager
async def signer(
    ctx: Context, key_sha256: str
) -> AsyncIterator[tuple[dict[str, Any], dict[str, Callback] | None]]:
    """What a further request needs (domain.md, rule 5): the active certificate's signature.

    A first request, and one the authority has already, needs none: then no PIN is asked.
    """
    await refresh(ctx)
    records = ctx.state.certificates.values()
    under_way = {c.key_sha256 for c in records if state_at(c, ctx.state.now) in _UNDER_WAY}
    active = any(state_at(c, ctx.state.now) is CertificateState.ACTIVE for c in records)
    if key_sha256 in under_way or not active:
        yield {}, None
        return
    async with signed_by_active(ctx, why="request") as unlocked:
        yield {"signer_spki": unlocked.spki}, unlocked.callbacks()


async def _ask_once(
    ctx: Context,
    operation: Operation,
    extra: dict[str, Any],
    callbacks: dict[str, Callback] | None,
) -> tuple[CertificateRecord, int | None]:
    """Send the request, and note what the authority has of it: one at a time.

    Gives its row, and after how many seconds to ask again; None when there is a certificate.

    :raises CustodeError: the portal's refusal, which ends the operation; what is in UNREACHABLE
        leaves one open that was sent before
    """
    async with ctx.journal.turn(operation.id):
        # The same request may be sent by two; the other one may have ended it meanwhile.
        open_still = operation.is_pending
        try:
            file_name = operation.data["file_name"]
            answer = await send(ctx, operation.data["csr"], file_name, extra, callbacks)
            if open_still:
                operation.step("sent", retry_after_s=answer["retry_after_s"])
            record = await _remember(ctx, operation)
        except CustodeError as error:
            if open_still and not (_was_sent(ctx, operation) and error.code in UNREACHABLE):
                operation.failed(code=error.code.value)
            raise
        if answer["certificate"] is None:
            return record, answer["retry_after_s"]
        if open_still:
            operation.done(id_operazione=record.id_operazione)
        return record, None


async def send(
    ctx: Context,
    pem: str,
    file_name: str,
    extra: Mapping[str, Any] | None = None,
    callbacks: dict[str, Callback] | None = None,
) -> dict[str, Any]:
    """Send a request to the portal: `certificate` (DER), or `retry_after_s` to send it again."""
    checked = await _check(ctx, pem, file_name)
    params = {
        "csr": checked["der"],
        "file_name": file_name,
        "code": identity_of(ctx).code,
        **(extra or {}),
    }
    answer: dict[str, Any] = await ask(ctx, "enroll", params, callbacks=callbacks)
    return answer


async def _remember(ctx: Context, operation: Operation) -> CertificateRecord:
    """The authority's row of this request, tied to the token its key lies on."""
    await refresh(ctx)
    record = row_of(ctx, operation.data["key_sha256"], operation.data["file_name"])
    made = csr.made_here(ctx, record.key_sha256)
    if made is not None and record.token is None:
        token, key_id = made
        record = replace(record, token=token, key_id=key_id)
        await ctx.post(CertificateRequested(record, ctx.clock.now()))
    return record


def row_of(ctx: Context, key_sha256: str, file_name: str) -> CertificateRecord:
    """The authority's newest row for a key.

    :raises CustodeError: NO_SUCH_OPERATION when it has none
    """
    rows = [c for c in ctx.state.certificates.values() if c.key_sha256 == key_sha256]
    if not rows:
        raise CustodeError(ErrorCode.NO_SUCH_OPERATION, operation=file_name)
    return max(rows, key=lambda c: c.requested_at)


def follow(ctx: Context, operation: Operation) -> None:
    """Go on asking behind, for a person who does not wait, or cannot any more."""
    task = behind(_follow(ctx, operation), goes_on=operation.id)
    _FOLLOWED[operation.id] = task
    task.add_done_callback(lambda ended: _forget(operation.id, ended))


def _forget(operation_id: str, ended: asyncio.Future[None]) -> None:
    if _FOLLOWED.get(operation_id) is ended:
        del _FOLLOWED[operation_id]


async def _follow(ctx: Context, operation: Operation) -> None:
    pause_s = 1
    while True:
        try:
            await _poll(ctx, operation, pause_s)
        except CustodeError as error:
            if error.code not in UNREACHABLE:
                _log.info("operation %s: %s", operation.id, error)
                return
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        else:
            return


async def _poll(ctx: Context, operation: Operation, retry_after_s: int) -> CertificateRecord:
    """Send the same request again when the portal said to, until it is issued or refused.

    Journaled: a client that hangs up or a restart of the agent does not lose the request.

    :raises CustodeError: as `_ask_once`
    """
    key_sha256 = operation.data["key_sha256"]
    while True:
        await ctx.client.progress("request.generating", operation=operation.id)
        _LOOKS[key_sha256] = ctx.clock.now() + timedelta(seconds=retry_after_s)
        try:
            await ctx.clock.sleep(retry_after_s)
        finally:
            _LOOKS.pop(key_sha256, None)
        record, again_s = await _ask_once(ctx, operation, {}, None)
        if again_s is None:
            return record
        retry_after_s = again_s


def looks() -> list[dict[str, Any]]:
    """When the portal is asked again for each request under way."""
    return [{"key_sha256": key, "next_look_at": at} for key, at in _LOOKS.items()]


async def list_(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Every request with the columns of the agency's page, as the authority has them now."""
    del params
    await refresh(ctx)
    records = sorted(ctx.state.certificates.values(), key=lambda c: c.requested_at)
    return {"certificates": [row(record, ctx) for record in records]}


def row(record: CertificateRecord, ctx: Context) -> dict[str, Any]:
    """One request for people and scripts (cli.md, `certificates`)."""
    return {
        "id_operazione": record.id_operazione,
        "file_name": record.file_name,
        "state": state_at(record, ctx.state.now).value,
        "requested_at": record.requested_at,
        "expires_at": record.expires_at,
        "outcome": record.outcome,
        "serial_number": record.serial_number,
        "fingerprint_sha256": record.fingerprint_sha256,
        "certificate": record.certificate,
        "cancelled_at": record.cancelled_at,
        "crl_reason": record.crl_reason,
        "token": record.token.serial if record.token else None,
        "installed": record.installed,
    }
