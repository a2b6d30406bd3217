"""What a reinstated original does to the activations of its backups: they are withdrawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from custode_authority.storage import audit
from custode_authority.storage.tables import Backup, Certificate
from custode_authority.wire.states import BackupState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

_PENDING = (BackupState.REQUESTED, BackupState.APPROVED)


def withdraw_for(tx: Session, original: Certificate, *, now: datetime) -> list[str]:
    """Withdraw every pending activation of an original; give the ids of the backups.

    For the desk, in the transaction that makes a suspended original active again: what was asked
    for or approved before says nothing about a later suspension.
    """
    query = select(Backup).where(Backup.original_id == original.id, Backup.state.in_(_PENDING))
    backups = tx.scalars(query.order_by(Backup.reserved_at, Backup.id)).all()
    for backup in backups:
        clear_activation(backup)
        audit.append(tx, "backup.withdrawn", {"backup": backup.id}, at=now)
    return [backup.id for backup in backups]


def clear_activation(backup: Backup) -> None:
    """Put a requested or approved backup back to registered, as if never asked for."""
    backup.state = BackupState.REGISTERED
    backup.requested_at = None
    backup.activation_nonce = None
    backup.activation_reason = None
    backup.approved_at = None
    backup.approval_expires_at = None
    backup.approved_by = None
