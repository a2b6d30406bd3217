"""A restored authority starts closed: what may have happened since its export is not undone.

Nobody can show that the export is the newest word of its authority: a status that was signed later
says little about what was signed after that. So what could open twice is closed for good (locked,
its secrets destroyed), what was to be used once is dropped, and what the agent remembers as ended
ends again. All of it only closes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from sqlalchemy import delete, func, select

from custode_authority.ca import issuer
from custode_authority.domain.retirement import destroy_secrets, retire
from custode_authority.storage import audit
from custode_authority.storage.tables import Backup, Certificate, CrlRow, NonceRow, Setting
from custode_authority.wire.reasons import CrlReason, may_raise
from custode_authority.wire.states import BackupState, CertificateState, backup_may, certificate_may

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.orm import Session

WHY: Final = "the authority came back from its recovery export"


class Ended(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A certificate that the agent knows to be cancelled or suspended, by an answer it verified."""

    fingerprint_sha256: str
    crl_reason: CrlReason | None = None


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """What was closed."""

    backups: list[str]
    certificates: list[str]


def close(tx: Session, ended: Iterable[Ended], *, made_at: datetime, now: datetime) -> Closed:
    """Close an authority that was exported at `made_at`, in one transaction."""
    audit.append(tx, "authority.restored", {"exported_at": made_at.isoformat()}, at=now)
    certificates = [one for one in ended if _end_again(tx, one, now)]
    closed = Closed(
        backups=_lock_all(tx, now),
        certificates=[one.fingerprint_sha256 for one in certificates],
    )
    tx.execute(delete(NonceRow))
    _skip_crl_numbers(tx, now)
    return closed


def _lock_all(tx: Session, now: datetime) -> list[str]:
    locked = []
    for backup in tx.scalars(select(Backup).order_by(Backup.reserved_at, Backup.id)).all():
        if backup_may(backup.state, BackupState.LOCKED):
            backup.state = BackupState.LOCKED
            backup.locked_at = now
            destroy_secrets(tx, backup)
            audit.append(tx, "backup.locked", {"backup": backup.id, "why": WHY}, at=now)
            locked.append(backup.id)
        elif backup.state is BackupState.RESERVED:
            retire(tx, backup, WHY, now=now)
            locked.append(backup.id)
    return locked


def _end_again(tx: Session, one: Ended, now: datetime) -> bool:
    """Suspend or cancel a certificate once more; True when that changed something."""
    query = select(Certificate).where(Certificate.fingerprint_sha256 == one.fingerprint_sha256)
    found = tx.scalars(query).first()
    if found is None:
        return False
    if one.crl_reason is CrlReason.CERTIFICATE_HOLD:
        if not certificate_may(found.state, CertificateState.SUSPENDED):
            return False
        issuer.suspend(tx, found, now=now)
        return True
    reason = one.crl_reason or CrlReason.UNSPECIFIED
    old = found.crl_reason
    raised = found.state is CertificateState.CANCELLED and old is not None
    may_end = certificate_may(found.state, CertificateState.CANCELLED)
    if not may_end and not (raised and old is not None and may_raise(old, reason)):
        return False
    issuer.cancel(tx, found, reason, now=now)
    return True


def _skip_crl_numbers(tx: Session, now: datetime) -> None:
    """Have the next CRL carry a number above any that was ever signed (RFC 5280 §5.2.3).

    A CRL is signed at most once a second on the average, so the seconds since 1970 are beyond them.
    """
    last = tx.scalar(select(func.max(CrlRow.number)))
    if last is not None:
        newest = tx.get_one(CrlRow, last)
        newest.number = max(last, int(now.timestamp()))
    revision = tx.get_one(Setting, "crl_revision")
    revision.value += 1
    tx.flush()
