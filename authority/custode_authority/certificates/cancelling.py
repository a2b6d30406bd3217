"""Cancellation: first a preview, then one signed request, one IdOperazione, one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from custode_authority.ca import issuer
from custode_authority.certificates import operations
from custode_authority.certificates.listing import rows
from custode_authority.certificates.settling import settle
from custode_authority.certificates.signatures import active_signer
from custode_authority.domain.cancelling import Held, Plan, plan
from custode_authority.domain.retirement import retire_backups_of, retire_backups_of_account
from custode_authority.errors import Refused
from custode_authority.storage import audit, nonces
from custode_authority.storage.tables import Account, Cancellation, Certificate
from custode_authority.wire.messages import (
    CancellationPreview,
    CancellationPreviewRequest,
    CancellationRequest,
    CancellationView,
)
from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.reasons import Reason

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from custode_authority.ca.authority import Authority
    from custode_authority.storage.tables import Operation
    from custode_authority.wire.reasons import CrlReason


@dataclass(frozen=True, slots=True)
class Signed:
    """A cancellation as it came: the exact body, the signature's header, and what the body says."""

    body: bytes
    signature: str | None
    request: CancellationRequest


@dataclass(frozen=True, slots=True)
class _Covered:
    operation: Operation
    certificate: Certificate
    crl_reason: CrlReason


def preview(
    tx: Session, authority: Authority, account: Account, request: CancellationPreviewRequest
) -> CancellationPreview:
    """Say what a cancellation would take in; changes nothing.

    :raises Refused: see `domain.cancelling.plan`.
    """
    settle(tx, authority, account, now=authority.clock.now())
    planned, covered = _plan(tx, account, request.operations, request.reason)
    return CancellationPreview(
        cumulative=planned.cumulative,
        reason=request.reason,
        covered=[operations.view(one.operation) for one in covered],
    )


def cancel(tx: Session, authority: Authority, account: Account, signed: Signed) -> CancellationView:
    """Cancel what the person was shown, and only that.

    :raises Refused: SIGNATURE_…, NONCE_INVALID, COVERED_CHANGED when the preview no longer holds,
        and those of `domain.cancelling.plan`.
    """
    request = signed.request
    now = authority.clock.now()
    settle(tx, authority, account, now=now)
    signer = active_signer(tx, account, signed.body, signed.signature)
    nonces.spend(tx, account, request.purpose, request.nonce, now=now)
    planned, covered = _plan(tx, account, request.operations, request.reason)
    if sorted(one.certificate.serial_number for one in covered) != request.covered:
        raise Refused(ProblemCode.COVERED_CHANGED, "the preview no longer holds: look again")
    cancellation = Cancellation(
        id=operations.new_id(now),
        account_id=account.id,
        signer_id=signer.id,
        reason=request.reason,
        cumulative=planned.cumulative,
        at=now,
    )
    tx.add(cancellation)
    tx.flush()
    for one in covered:
        issuer.cancel(tx, one.certificate, one.crl_reason, now=now, cancellation_id=cancellation.id)
    account.first_cancellation_spent |= planned.cumulative
    _end_backups(tx, account, request.reason, covered, now)
    _log(tx, account, cancellation, request, len(covered))
    return CancellationView(
        id_operazione=cancellation.id,
        cumulative=planned.cumulative,
        reason=request.reason,
        at=now,
        covered=[operations.view(one.operation) for one in covered],
    )


def _plan(
    tx: Session, account: Account, asked: list[str], reason: Reason
) -> tuple[Plan, list[_Covered]]:
    by_id = {row.id: row for row in rows(tx, account)}
    held = [
        Held(
            row.id,
            operations.state_of(row),
            row.certificate.issued_at if row.certificate else None,
        )
        for row in by_id.values()
    ]
    planned = plan(held, asked, reason, first_spent=account.first_cancellation_spent)
    covered = []
    for name, crl_reason in planned.covered:
        certificate = by_id[name].certificate
        if certificate is not None:  # what is planned is active or suspended, so it has one
            covered.append(_Covered(by_id[name], certificate, crl_reason))
    return planned, covered


def _end_backups(
    tx: Session, account: Account, reason: Reason, covered: list[_Covered], now: datetime
) -> None:
    match reason:
        case Reason.CEASED:
            account.ceased = True
            retire_backups_of_account(tx, account, "ceased", now=now)
        case Reason.RENEWAL:
            for one in covered:
                retire_backups_of(tx, one.certificate, "renewed", now=now)
        case _:
            pass  # a backup of a cancelled original can be activated until a new one is issued


def _log(
    tx: Session,
    account: Account,
    cancellation: Cancellation,
    request: CancellationRequest,
    count: int,
) -> None:
    audit.append(
        tx,
        "cancellation.done",
        {
            "identity_code": account.identity_code,
            "id_operazione": cancellation.id,
            "reason": cancellation.reason.value,
            "note": request.note,
            "cumulative": int(cancellation.cumulative),
            "covered": count,
        },
        at=cancellation.at,
    )
