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
from custode_authority.wire.states import CertificateState

if TYPE_CHECKING:
    from custode.daemon.context import Context
    from custode.domain.model import CertificateRecord, TokenSeen
    from custode.procedures.session import TokenSession

KIND = "install"


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
    record = _record(ctx, wanted)
    der = wanted.certificate.encode("ascii", "replace") if wanted.certificate else None
    checked = await ask(ctx, "certificate.check", {"certificate": der or record.certificate})
    if record.fingerprint_sha256 != checked["fingerprint_sha256"]:
        raise CustodeError(ErrorCode.INTEGRITY, what=record.id_operazione)
    token = await _token(ctx, wanted, record)
    refuse_retired(ctx, token)
    async with login(ctx, token, why="install") as session:
        key_id = _key_id(session, checked["key_sha256"])
        operation = ctx.journal.begin(KIND, {"id_operazione": record.id_operazione})
        label = identity_of(ctx).code
        told = {"key_id": key_id, "der": checked["der"], "label": label}
        await session.call("install_certificate", told)
        proof = await session.prove(key_id, checked["spki"])
        operation.done(key_id=key_id)
    await ctx.post(CertificateInstalled(record.id_operazione, token.id, key_id, ctx.clock.now()))
    await promote(ctx, token)
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


async def promote(ctx: Context, token: TokenSeen) -> None:
    """Read the token again, then make it the primary."""
    await ctx.tokens_read(token.module)
    await ctx.post(TokenPromoted(token.id, ctx.clock.now()))


def _record(ctx: Context, wanted: InstallParams) -> CertificateRecord:
    """The request whose certificate is meant, which must be active."""
    records = sorted(ctx.state.certificates.values(), key=lambda c: c.requested_at)
    if wanted.operation is not None:
        records = [c for c in records if c.id_operazione == wanted.operation]
    if wanted.certificate is not None:
        records = [c for c in records if c.certificate is not None]
    if not records:
        raise CustodeError(ErrorCode.NO_SUCH_OPERATION, operation=wanted.operation)
    waiting = [c for c in records if not c.installed] or records
    record = waiting[-1]
    if record.state in {CertificateState.REQUESTED, CertificateState.GENERATING}:
        raise CustodeError(ErrorCode.STILL_GENERATING, operation=record.id_operazione)
    if record.state is not CertificateState.ACTIVE or record.certificate is None:
        raise CustodeError(
            ErrorCode.STATE_NOT_ALLOWED, what=record.id_operazione, state=record.state.value
        )
    return record


async def _token(ctx: Context, wanted: InstallParams, record: CertificateRecord) -> TokenSeen:
    made = csr.made_here(ctx, record.key_sha256)
    named = wanted.token or (made[0].serial if made else None)
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
