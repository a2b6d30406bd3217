"""A new key and its certificate in an old one's place: what renewal and re-issue share.

Each effect is a step of the operation, bound to the key it was done for, so that running the
command again goes on from there. What a run cannot finish stays pending and becomes a need.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from custode.domain.events import CertificateInstalled, CertificateRequested
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures import csr, request
from custode.procedures.counter import ask, refresh
from custode.procedures.install import write
from custode.procedures.session import find_token
from custode_authority.wire.states import CertificateState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from custode.daemon.context import Callback, Context
    from custode.daemon.journal import Operation
    from custode.domain.model import CertificateRecord, TokenSeen
    from custode.procedures.session import TokenSession

HOLD_S: Final = 60  # how long a login is kept while the portal generates; then: run it again
DEFAULT_KEY: Final = "rsa2048"
_RSA: Final = "rsa"

_running: set[tuple[str, str]] = set()


@contextmanager
def alone(ctx: Context, what: str) -> Iterator[None]:
    """Refuse a second such command while one runs: it would make a second certificate.

    :raises CustodeError: STATE_NOT_ALLOWED
    """
    mark = (str(ctx.paths.home), what)
    if mark in _running:
        raise CustodeError(ErrorCode.STATE_NOT_ALLOWED, what=what, state="running")
    _running.add(mark)
    try:
        yield
    finally:
        _running.discard(mark)


def on_token(token: TokenSeen) -> dict[str, str]:
    """Who the operation's token is, as its journal keeps it (`Operation.token`)."""
    identity = token.id
    return {
        "manufacturer": identity.manufacturer,
        "model": identity.model,
        "serial": identity.serial,
    }


async def its_token(ctx: Context, serial: str) -> TokenSeen:
    """The token that an operation was begun on.

    :raises CustodeError: TOKEN_GONE when it is not here, and what `find_token` raises besides
    """
    try:
        return await find_token(ctx, serial)
    except CustodeError as error:
        if error.code is not ErrorCode.NO_SUCH_TOKEN:
            raise
        raise CustodeError(ErrorCode.TOKEN_GONE, token=serial) from error


def key_like(token: TokenSeen, key_id: str | None) -> str:
    """A key specification of the same kind and size as a key on that token."""
    for key in token.public_keys:
        if key.key_id == key_id:
            return f"{_RSA}{key.bits}" if key.type == _RSA else f"p{key.bits}"
    return DEFAULT_KEY


async def signed(session: TokenSession, operation: Operation) -> dict[str, str]:
    """Key and request of the operation: those of an earlier run, else new ones.

    Gives `csr` (PEM), `file_name`, `key_id` and `key_sha256`. Once a login: a session knows the
    keys that were there when it began.
    """
    made = operation.step_data("signed")
    if made is None or all(row["key_id"] != made["key_id"] for row in session.keys):
        wanted = csr.CreateParams(key=operation.data["key"])
        made = await csr.sign_request(session, operation, wanted)
        operation.step("signed", **made)
    return made


async def obtain(
    session: TokenSession,
    operation: Operation,
    made: dict[str, str],
    extra: Mapping[str, Any],
    callbacks: dict[str, Callback] | None,
) -> CertificateRecord:
    """Send the request (signed where `extra` says by whom) and wait for what comes of it.

    A request that was rejected takes its key with it: the next run begins anew.
    :raises CustodeError: STILL_GENERATING when the portal takes longer than a login is kept
    """
    ctx = session.ctx
    try:
        return await _issued(ctx, operation, made, extra, callbacks)
    except CustodeError:
        if await _rejected(ctx, made):
            await session.call("destroy_key", {"key_id": made["key_id"]})
            operation.undone(why="rejected")
        raise


async def _issued(
    ctx: Context,
    operation: Operation,
    made: dict[str, str],
    extra: Mapping[str, Any],
    callbacks: dict[str, Callback] | None,
) -> CertificateRecord:
    key_sha256, pem, file_name = made["key_sha256"], made["csr"], made["file_name"]
    issued = operation.step_data("issued")
    if issued is None or issued["key_sha256"] != key_sha256:  # an erased token got another key
        answer = await request.send(ctx, pem, file_name, extra, callbacks)
        operation.step("sent", key_sha256=key_sha256)
        waited = 0
        while answer["certificate"] is None:
            wait = answer["retry_after_s"]
            if waited + wait > HOLD_S:
                raise CustodeError(
                    ErrorCode.STILL_GENERATING, operation=file_name, retry_after_s=wait
                )
            await ctx.client.progress("request.generating", operation=operation.id)
            await ctx.client.unless_gone(ctx.clock.sleep(wait))
            waited += wait
            # The same request again is the same operation (RFC 7030 §4.2.3): needs no signature.
            answer = await request.send(ctx, pem, file_name)
    await refresh(ctx)
    record = request.row_of(ctx, key_sha256, file_name)
    operation.step("issued", id_operazione=record.id_operazione, key_sha256=key_sha256)
    record = replace(record, token=operation.token, key_id=made["key_id"])
    await ctx.post(CertificateRequested(record, ctx.clock.now()))
    return record


async def _rejected(ctx: Context, made: dict[str, str]) -> bool:
    try:
        await refresh(ctx)
    except CustodeError:
        return False  # not known: the next run asks again
    rows = [c for c in ctx.state.certificates.values() if c.key_sha256 == made["key_sha256"]]
    return bool(rows) and all(c.state is CertificateState.REJECTED for c in rows)


async def install(
    session: TokenSession, operation: Operation, made: dict[str, str], record: CertificateRecord
) -> dict[str, Any]:
    """Write the certificate beside its key and have the token prove it by a fresh challenge.

    Gives what `certificate.check` says of it, and `challenge` and `signature`.
    :raises CustodeError: STATE_NOT_ALLOWED when it is over already, INTEGRITY, NO_SUCH_KEY …
    """
    ctx = session.ctx
    if record.state is not CertificateState.ACTIVE:
        operation.undone(why="its certificate is over")
        raise CustodeError(
            ErrorCode.STATE_NOT_ALLOWED, what=record.id_operazione, state=record.state.value
        )
    checked: dict[str, Any] = await ask(
        ctx, "certificate.check", {"certificate": record.certificate}
    )
    if checked["key_sha256"] != made["key_sha256"]:
        raise CustodeError(ErrorCode.INTEGRITY, what=record.id_operazione)
    await ctx.client.progress("succession.installing", operation=operation.id)
    proof = await write(session, made["key_id"], checked)
    operation.step("installed", key_id=made["key_id"], key_sha256=checked["key_sha256"])
    now = ctx.clock.now()
    await ctx.post(
        CertificateInstalled(record.id_operazione, session.token.id, made["key_id"], now)
    )
    return {**checked, **proof, "key_id": made["key_id"]}


def told(record: CertificateRecord, token: TokenSeen, done: Mapping[str, Any]) -> dict[str, Any]:
    """The new certificate, for people and scripts."""
    return {
        "id_operazione": record.id_operazione,
        "token": token.id.serial,
        "label": token.label,
        "key_id": done["key_id"],
        "fingerprint_sha256": done["fingerprint_sha256"],
        "expires_at": done["expires_at"],
        "certificate": done["der"],
        "challenge": done["challenge"],
        "signature": done["signature"],
    }
