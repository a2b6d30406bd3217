"""Bring an account up to date before anything is decided.

What is over has expired, what is ready is issued. Lazy and idempotent: there is no timer, and it
does not matter which worker looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from custode_authority.ca import issuer
from custode_authority.errors import Refused
from custode_authority.storage import audit
from custode_authority.storage.tables import (
    Account,
    Backup,
    Certificate,
    Operation,
    OperationKind,
)
from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.states import CertificateState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from custode_authority.ca.authority import Authority

_S = CertificateState
_ENDED = (_S.CANCELLED, _S.EXPIRED)
_LIVING = (_S.ACTIVE, _S.SUSPENDED)


def settle(tx: Session, authority: Authority, account: Account, *, now: datetime) -> None:
    """Expire what is over, then issue every generating operation whose time has come."""
    # The row is locked, so that two workers do not issue the same operation (PostgreSQL).
    tx.refresh(account, with_for_update=True)
    expire_over(tx, account, now=now)
    _issue_ready(tx, authority, account, now)


def expire_over(tx: Session, account: Account, *, now: datetime) -> None:
    """Note which certificates' time is over."""
    over = select(Certificate).where(
        Certificate.account_id == account.id,
        Certificate.state.in_(_LIVING),
        Certificate.not_after <= now,
    )
    for certificate in tx.scalars(over).all():
        issuer.expire(tx, certificate, now=now)


def _issue_ready(tx: Session, authority: Authority, account: Account, now: datetime) -> None:
    ready = (
        select(Operation)
        .where(
            Operation.account_id == account.id,
            Operation.state == _S.GENERATING,
            Operation.ready_at <= now,
        )
        .order_by(Operation.requested_at, Operation.id)
    )
    for operation in tx.scalars(ready).all():
        _issue(tx, authority, operation, now)


def reject(tx: Session, operation: Operation, outcome: str, *, now: datetime) -> None:
    """Reject a request that has no certificate yet; `outcome` is what the person reads."""
    operation.state = _S.REJECTED
    operation.outcome = outcome
    audit.append(
        tx, "request.rejected", {"id_operazione": operation.id, "outcome": outcome}, at=now
    )


def _issue(tx: Session, authority: Authority, operation: Operation, now: datetime) -> None:
    overtaken = _overtaken(tx, operation)
    if overtaken is not None:
        reject(tx, operation, overtaken.value, now=now)
        return
    try:
        issuer.issue(tx, authority, operation, now=now, in_place_of=_in_place_of(tx, operation))
    except Refused as refused:
        # Its key became compromised, or a successor's, while it was being generated.
        reject(tx, operation, refused.code.value, now=now)


def _overtaken(tx: Session, operation: Operation) -> ProblemCode | None:
    """Why a request that was taken is not issued after all: its place was taken meanwhile.

    Rule 5 holds until the end: unsigned, it is issued only while nothing else lives; signed, not
    once its signer is cancelled. And what was to be renewed may have been succeeded by its backup.
    """
    if operation.signer_id is None:
        living = select(Certificate.id).where(
            Certificate.account_id == operation.account_id, Certificate.state.in_(_LIVING)
        )
        return ProblemCode.SIGNATURE_REQUIRED if tx.scalars(living).first() else None
    if tx.get_one(Certificate, operation.signer_id).state is _S.CANCELLED:
        return ProblemCode.SIGNATURE_INVALID
    if operation.kind is not OperationKind.REENROLL:
        return None
    succeeded = select(Backup.id).where(
        Backup.original_id == operation.signer_id, Backup.successor_id.is_not(None)
    )
    return ProblemCode.ALREADY_ACTIVATED if tx.scalars(succeeded).first() else None


def _in_place_of(tx: Session, operation: Operation) -> list[Certificate]:
    """Return whom the certificate replaces: the ended ones; in a renewal also its signer."""
    ended = select(Certificate).where(
        Certificate.account_id == operation.account_id, Certificate.state.in_(_ENDED)
    )
    found = list(tx.scalars(ended.order_by(Certificate.issued_at.desc())))
    if operation.kind is OperationKind.REENROLL and operation.signer_id is not None:
        signer = tx.get_one(Certificate, operation.signer_id)
        return [signer, *(other for other in found if other.id != signer.id)]
    return found
