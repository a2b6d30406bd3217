"""Send a request to the portal and wait for what comes of it; list what was requested."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from custode.domain.certificates import state_at
from custode.domain.events import CertificateRequested
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures import csr
from custode.procedures.counter import ask, identity_of, refresh
from custode.procedures.session import holder_of, login
from custode_authority.wire.states import CertificateState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from custode.daemon.context import Callback, Context
    from custode.daemon.journal import Operation
    from custode.domain.model import CertificateRecord

KIND = "request"


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
    checked = await ctx.jobs.call("csr.check", {"csr": pem.encode("ascii", "replace")})
    operation = ctx.journal.begin(
        KIND, {"file_name": file_name, "csr": pem, "key_sha256": checked["key_sha256"]}
    )
    try:
        async with _signer(ctx, checked["key_sha256"]) as (extra, callbacks):
            sent = await _send(ctx, operation, extra, callbacks)
    except CustodeError as error:
        operation.failed(code=error.code.value)
        raise
    record = await _remember(ctx, operation)
    if wanted.wait and sent["certificate"] is None:
        record = await ctx.client.unless_gone(_poll(ctx, operation, sent["retry_after_s"]))
    elif sent["certificate"] is not None:
        operation.done(id_operazione=record.id_operazione)
    return {**row(record, ctx), "retry_after_s": sent["retry_after_s"]}


async def resume(ctx: Context, operation: Operation) -> None:
    """After a restart: go on asking, if the request had been sent."""
    if operation.step_data("sent") is None:
        operation.undone(why="it was not sent")
        return
    await _poll(ctx, operation, 1)


@asynccontextmanager
async def _signer(
    ctx: Context, key_sha256: str
) -> AsyncIterator[tuple[dict[str, Any], dict[str, Callback] | None]]:
    """What a further request needs (domain.md, rule 5): the active certificate's signature.

    A first request, and one the authority has already, needs none: then no PIN is asked.
    """
    await refresh(ctx)
    known = {c.key_sha256 for c in ctx.state.certificates.values()}
    active = [
        c
        for c in ctx.state.certificates.values()
        if state_at(c, ctx.state.now) is CertificateState.ACTIVE
    ]
    if key_sha256 in known or not active:
        yield {}, None
        return
    for record in active:
        try:
            token, held = await holder_of(ctx, record.fingerprint_sha256 or "")
        except CustodeError:
            continue
        async with login(ctx, token, why="request") as session:
            spki = session.key(held.key_id)["public_key"]
            await session.prove(held.key_id, spki)
            yield {"signer_spki": spki}, session.callbacks(held.key_id)
        return
    raise CustodeError(ErrorCode.TOKEN_GONE, token=", ".join(c.id_operazione for c in active))


async def _send(
    ctx: Context,
    operation: Operation,
    extra: dict[str, Any],
    callbacks: dict[str, Callback] | None,
) -> dict[str, Any]:
    checked = await ctx.jobs.call("csr.check", {"csr": operation.data["csr"].encode("ascii")})
    params = {
        "csr": checked["der"],
        "file_name": operation.data["file_name"],
        "code": identity_of(ctx).code,
        **extra,
    }
    answer: dict[str, Any] = await ask(ctx, "enroll", params, callbacks=callbacks)
    operation.step("sent", retry_after_s=answer["retry_after_s"])
    return answer


async def _remember(ctx: Context, operation: Operation) -> CertificateRecord:
    """The authority's row of this request, tied to the token its key lies on."""
    await refresh(ctx)
    record = _row_of(ctx, operation)
    made = csr.made_here(ctx, record.key_sha256)
    if made is not None and record.token is None:
        token, key_id = made
        record = replace(record, token=token, key_id=key_id)
        await ctx.post(CertificateRequested(record, ctx.clock.now()))
    return record


def _row_of(ctx: Context, operation: Operation) -> CertificateRecord:
    rows = [
        c for c in ctx.state.certificates.values() if c.key_sha256 == operation.data["key_sha256"]
    ]
    if not rows:
        raise CustodeError(ErrorCode.NO_SUCH_OPERATION, operation=operation.data["file_name"])
    return max(rows, key=lambda c: c.requested_at)


async def _poll(ctx: Context, operation: Operation, retry_after_s: int) -> CertificateRecord:
    """Send the same request again when the portal said to, until it is issued or refused.

    Journaled: a client that hangs up or a restart of the agent does not lose the request.
    """
    while True:
        await ctx.client.progress("request.generating", operation=operation.id)
        await ctx.clock.sleep(retry_after_s)
        answer = await _send(ctx, operation, {}, None)
        record = await _remember(ctx, operation)
        if answer["certificate"] is not None:
            operation.done(id_operazione=record.id_operazione)
            return record
        retry_after_s = answer["retry_after_s"]


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
