"""A loss, theft or fault is reported: needs the account and its password, no token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from custode_authority.certificates import in_other_hands
from custode_authority.certificates.listing import certificate_of
from custode_authority.certificates.settling import expire_over, reject
from custode_authority.domain.reporting import REPORTS, effect
from custode_authority.domain.retirement import retire_copies
from custode_authority.errors import Refused
from custode_authority.storage import audit, nonces
from custode_authority.storage.tables import Account, Certificate, Operation, Report
from custode_authority.wire.messages import ReportRequest, ReportView
from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.rome import day_in_rome, end_of
from custode_authority.wire.states import CertificateState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from custode_authority.ca.authority import Authority

_S = CertificateState


def check_reason(request: ReportRequest) -> None:
    """Refuse what cannot be reported, before the password is asked for.

    :raises Refused: REASON_NOT_ALLOWED.
    """
    if request.reason not in REPORTS:
        raise Refused(ProblemCode.REASON_NOT_ALLOWED, f"{request.reason} cannot be reported")


def report(
    tx: Session, authority: Authority, account: Account, request: ReportRequest
) -> ReportView:
    """Take a report whose password was checked; it takes effect at once.

    :raises Refused: NOT_FOUND for a certificate that is not the account's; MALFORMED when
        `last_held` lies in the future.
    """
    check_reason(request)
    now = authority.clock.now()
    tx.refresh(account, with_for_update=True)
    expire_over(tx, account, now=now)
    certificate = certificate_of(tx, account, request.fingerprint_sha256)
    if certificate is None:
        raise Refused(ProblemCode.NOT_FOUND, "no such certificate")
    held_until = _held_until(request, now)
    rejected, retired, cancelled = _undo(tx, account, certificate, request, held_until, now)
    alive = in_other_hands.living_of_its_key(tx, certificate)
    _apply(tx, certificate, request, held_until, now)
    cancelled += [one.operation_id for one in alive if one.state is CertificateState.CANCELLED]
    if request.backup_stolen_too:
        more = in_other_hands.end_stolen(tx, certificate, now=now)
        retired += more[0]
        cancelled += more[1]
    # Also where the certificate itself did not change: what was signed before counts no more.
    nonces.kill_for_account(tx, account)
    _record(tx, account, certificate, request, now)
    return ReportView(
        fingerprint_sha256=certificate.fingerprint_sha256,
        state=certificate.state,
        crl_reason=certificate.crl_reason,
        at=now,
        retired_backups=retired,
        rejected_requests=rejected,
        cancelled_successors=cancelled,
    )


def _held_until(request: ReportRequest, now: datetime) -> datetime:
    """Return the end of the day the token was last surely held; without one, that is today."""
    day = request.last_held or day_in_rome(now)
    if day > day_in_rome(now):
        raise Refused(ProblemCode.MALFORMED, "the day it was last held lies in the future")
    return end_of(day)


def _undo(
    tx: Session,
    account: Account,
    certificate: Certificate,
    request: ReportRequest,
    held_until: datetime,
    now: datetime,
) -> tuple[list[str], list[str], list[str]]:
    """Undo what somebody else may have signed since.

    Gives the requests and the backups ended, and the operations of successors cancelled.
    """
    if not REPORTS[request.reason].out_of_hand:
        return [], [], []
    # Those whose time has come included: nothing may be issued by this very look.
    pending = select(Operation).where(
        Operation.account_id == account.id, Operation.state.in_((_S.REQUESTED, _S.GENERATING))
    )
    rejected = []
    for operation in tx.scalars(pending.order_by(Operation.requested_at)).all():
        reject(tx, operation, f"reported: {request.reason.value}", now=now)
        rejected.append(operation.id)
    # Whoever has the token has the very key that a copy holds.
    copies = retire_copies(tx, certificate.key_sha256, now=now)
    retired, cancelled = in_other_hands.end_late(tx, certificate, held_until, now=now)
    return rejected, copies + retired, cancelled


def _apply(
    tx: Session,
    certificate: Certificate,
    request: ReportRequest,
    held_until: datetime,
    now: datetime,
) -> None:
    # invalidityDate (RFC 5280 §5.3.2): when the token was last surely held, where that was said.
    invalid_from = min(held_until, now) if request.last_held else None
    done = effect(
        request.reason,
        certificate.state,
        certificate.crl_reason,
        destroyed_for_certain=request.destroyed_for_certain,
    )
    in_other_hands.apply(tx, certificate, done, now=now, invalid_from=invalid_from)


def _record(
    tx: Session, account: Account, certificate: Certificate, request: ReportRequest, now: datetime
) -> None:
    tx.add(
        Report(
            account_id=account.id,
            certificate_id=certificate.id,
            reason=request.reason,
            last_held=request.last_held,
            backup_stolen_too=request.backup_stolen_too,
            destroyed_for_certain=request.destroyed_for_certain,
            at=now,
        )
    )
    audit.append(
        tx,
        "report.taken",
        {
            "identity_code": account.identity_code,
            "serial_number": certificate.serial_number,
            "reason": request.reason.value,
            "last_held": request.last_held.isoformat() if request.last_held else None,
        },
        at=now,
    )
