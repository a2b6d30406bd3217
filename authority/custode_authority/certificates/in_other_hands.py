"""Backups that somebody else has, by a report's word: they end, and so does what came out of them.

A backup that was collected has its successor's certificate already. Whoever took the folder along
may have collected it, or knows what was in it; so that certificate is cancelled as compromised. One
that was restored is left alone: its key went onto a token, and its folder was dead by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select

from custode_authority.ca import issuer
from custode_authority.domain.reporting import Effect, effect
from custode_authority.domain.retirement import retire, retire_backups_of_account
from custode_authority.storage.tables import Backup, Certificate
from custode_authority.wire.reasons import CrlReason, Reason
from custode_authority.wire.states import BackupState, CertificateState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

_LIVING = (CertificateState.ACTIVE, CertificateState.SUSPENDED)


def apply(
    tx: Session,
    certificate: Certificate,
    done: Effect,
    *,
    now: datetime,
    invalid_from: datetime | None = None,
) -> None:
    """Carry out what `domain.reporting.effect` says of a certificate."""
    match done:
        case Effect.SUSPEND:
            issuer.suspend(tx, certificate, now=now, invalidity_date=invalid_from)
        case Effect.COMPROMISE:
            issuer.cancel(
                tx, certificate, CrlReason.KEY_COMPROMISE, now=now, invalidity_date=invalid_from
            )
        case Effect.COMPROMISE_KEY:
            issuer.compromise(tx, certificate, now=now, invalidity_date=invalid_from)
        case Effect.NONE:
            pass


def living_of_its_key(tx: Session, certificate: Certificate) -> list[Certificate]:
    """Return the other living certificates of a certificate's key: a copy brings one."""
    query = select(Certificate).where(
        Certificate.key_sha256 == certificate.key_sha256,
        Certificate.id != certificate.id,
        Certificate.state.in_(_LIVING),
    )
    return list(tx.scalars(query.order_by(Certificate.issued_at)))


def end_stolen(
    tx: Session, certificate: Certificate, *, now: datetime
) -> tuple[list[str], list[str]]:
    """End the backups of a certificate whose folders were taken along, and the one it came from.

    Gives the ids of the backups retired, and the IdOperazione of the certificates cancelled.
    """
    which = or_(Backup.original_id == certificate.id, Backup.successor_id == certificate.id)
    return _end_where(tx, which, now)


def end_late(
    tx: Session, certificate: Certificate, held_until: datetime, *, now: datetime
) -> tuple[list[str], list[str]]:
    """End every backup of the account registered since the token was last surely held.

    What came out of one is ended where it is this certificate's own: only its token was away.
    Gives the same as `end_stolen`.
    """
    retired = retire_backups_of_account(
        tx,
        certificate.account,
        "registered after the token was last held",
        now=now,
        registered_from=held_until,
    )
    mine = and_(Backup.original_id == certificate.id, Backup.registered_at >= held_until)
    more, cancelled = _end_where(tx, mine, now)
    return retired + more, cancelled


def _end_where(
    tx: Session, which: ColumnElement[bool], now: datetime
) -> tuple[list[str], list[str]]:
    # Those that ended before too: retired by its owner, a collected one's successor still lived.
    query = select(Backup).where(which, Backup.state != BackupState.RESTORED)
    retired: list[str] = []
    cancelled: list[str] = []
    for backup in tx.scalars(query.order_by(Backup.reserved_at, Backup.id)).all():
        if retire(tx, backup, "stolen", now=now):
            retired.append(backup.id)
        if backup.successor is not None:
            more = _end_successor(tx, backup.successor, now)
            retired += more[0]
            cancelled += more[1]
    return retired, cancelled


def _end_successor(
    tx: Session, successor: Certificate, now: datetime
) -> tuple[list[str], list[str]]:
    lived = successor.state in _LIVING
    done = effect(Reason.THEFT, successor.state, successor.crl_reason, destroyed_for_certain=False)
    apply(tx, successor, done, now=now)
    # Who has its key may have made backups of it, and collected those.
    retired, cancelled = _end_where(tx, Backup.original_id == successor.id, now)
    return retired, [successor.operation_id] * lived + cancelled
