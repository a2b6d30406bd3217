"""Put a certificate onto the token its key lies on, and prove that both belong together."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from custode.domain.events import CertificateInstalled, TokenPromoted
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures import csr
from custode.procedures.counter import ask, identity_of, refresh
from custode.procedures.session import find_token, login, refuse_retired
from custode.taking_up import taken_up
from custode_authority.wire.states import CertificateState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.daemon.context import Context
    from custode.daemon.journal import Operation
    from custode.domain.model import CertificateRecord, TokenSeen
    from custode.procedures.session import TokenSession

KIND = "install"
_COMING = frozenset({CertificateState.REQUESTED, CertificateState.GENERATING})


class InstallParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `install`; neither `operation` nor `certificate` (PEM): the newest active."""

    operation: str | None = None
    certificate: str | None = None
    token: str | None = None


async def install(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Write the certificate, read it back, have the token sign a fresh challenge for it.

    Safe to repeat. The token becomes the primary when the identity has none that works.
    :raises CustodeError: STILL_GENERATING, NO_SUCH_OPERATION, INTEGRITY, NO_SUCH_KEY …
    """
    wanted = msgspec.convert(params, InstallParams)
    await refresh(ctx)
    if wanted.certificate is not None:
        checked = await _check(ctx, wanted.certificate.encode("ascii", "replace"))
        record = _usable(
            ctx.state.certificate(checked["fingerprint_sha256"]), checked["fingerprint_sha256"][:16]
        )
    else:
        record = _usable(_waiting(ctx, wanted.operation), wanted.operation)
        checked = await _check(ctx, record.certificate)
    if record.fingerprint_sha256 != checked["fingerprint_sha256"]:
        raise CustodeError(ErrorCode.INTEGRITY, what=record.id_operazione)
    token = await _token(ctx, wanted, record)
    refuse_retired(ctx, token)
    async with login(ctx, token, why="install") as session:
        key_id = _key_id(session, checked["key_sha256"])
        operation = ctx.journal.begin(KIND, {"id_operazione": record.id_operazione})
        async with taken_up(ctx, operation, resume):
            proof = await write(session, key_id, checked)
            now = ctx.clock.now()
            await ctx.post(CertificateInstalled(record.id_operazione, token.id, key_id, now))
            operation.done(key_id=key_id)
    await ctx.tokens_read(token.module)
    return {
        "id_operazione": record.id_operazione,
        "token": token.id.serial,
        "label": token.label,
        "key_id": key_id,
        "fingerprint_sha256": checked["fingerprint_sha256"],
        "expires_at": checked["expires_at"],
        "certificate": checked["der"],
        "challenge": proof["challenge"],
        "signature": proof["signature"],
    }


async def resume(ctx: Context, operation: Operation) -> None:
    """If the certificate reached the token, the rest needs no PIN; else `install` runs again."""
    record = ctx.state.certificates.get(operation.data["id_operazione"])
    for insertion in ctx.state.insertions:
        token = insertion.token
        for held in token.certificates:
            if record is not None and held.fingerprint_sha256 == record.fingerprint_sha256:
                now = ctx.clock.now()
                await ctx.post(
                    CertificateInstalled(record.id_operazione, token.id, held.key_id, now)
                )
                operation.done(key_id=held.key_id)
                return
    operation.undone(why="the certificate is not on the token")


async def write(session: TokenSession, key_id: str, checked: Mapping[str, Any]) -> dict[str, Any]:
    """Write a certificate that `certificate.check` judged, read it back, prove it by a challenge.

    Safe to repeat. Gives the challenge and its signature.
    """
    label = identity_of(session.ctx).code
    told = {"key_id": key_id, "der": checked["der"], "label": label}
    await session.call("install_certificate", told)
    return await session.prove(key_id, checked["spki"])


async def promote(ctx: Context, token: TokenSeen) -> None:
    """Read the token again, then make it the primary."""
    await ctx.tokens_read(token.module)
    await ctx.post(TokenPromoted(token.id, ctx.clock.now()))


async def _check(ctx: Context, certificate: bytes | None) -> dict[str, Any]:
    checked: dict[str, Any] = await ask(ctx, "certificate.check", {"certificate": certificate})
    return checked


def _waiting(ctx: Context, operation: str | None) -> CertificateRecord | None:
    """The request that is meant: the one named, else the newest that waits for its token.

    A successor's certificate comes onto its token by `backup restore`, not here.
    """
    if operation is not None:
        return ctx.state.certificates.get(operation)
    successors = {backup.successor_sha256 for backup in ctx.state.backups.values()}
    records = [
        record
        for record in ctx.state.certificates.values()
        if record.fingerprint_sha256 is None or record.fingerprint_sha256 not in successors
    ]
    return max(
        records,
        key=lambda c: (
            c.state is CertificateState.ACTIVE and not c.installed,
            c.state in _COMING,
            c.requested_at,
        ),
        default=None,
    )


def _usable(record: CertificateRecord | None, named: str | None) -> CertificateRecord:
    """The record, which must be that of an active certificate.

    :raises CustodeError: NO_CERTIFICATE when none is named, NO_SUCH_OPERATION, STILL_GENERATING,
        STATE_NOT_ALLOWED
    """
    if record is None:
        if named is None:
            raise CustodeError(ErrorCode.NO_CERTIFICATE)
        raise CustodeError(ErrorCode.NO_SUCH_OPERATION, operation=named)
    if record.state in _COMING:
        raise CustodeError(
            ErrorCode.STILL_GENERATING,
            operation=record.id_operazione,
            wait_with="custode request --wait",
        )
    if record.state is not CertificateState.ACTIVE or record.certificate is None:
        raise CustodeError(
            ErrorCode.STATE_NOT_ALLOWED, what=record.id_operazione, state=record.state.value
        )
    return record


async def _token(ctx: Context, wanted: InstallParams, record: CertificateRecord) -> TokenSeen:
    made = csr.made_here(ctx, record.key_sha256)
    lies_on = made[0] if made else record.token
    named = wanted.token or (lies_on.serial if lies_on else None)
    return await find_token(ctx, named)


def _key_id(session: TokenSession, key_sha256: str) -> str:
    """Which of the token's keys the certificate is for.

    :raises CustodeError: NO_SUCH_KEY when none is
    """
    for row in session.keys:
        if row["public_key"] and hashlib.sha256(row["public_key"]).hexdigest() == key_sha256:
            key_id: str = row["key_id"]
            return key_id
    raise CustodeError(ErrorCode.NO_SUCH_KEY, key_id=key_sha256[:16], token=session.token.label)
