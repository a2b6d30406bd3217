"""What ends backups without using them, and destroys what could open them.

Shared by everything that issues a certificate in an original's place (activation, renewal,
re-issue, a new request after cancellation), by reports, and by cancellation for ceased activity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, or_, select

from custode_authority.storage import audit
from custode_authority.storage.database import mark_destroyed
from custode_authority.storage.tables import Account, Backup, Certificate
from custode_authority.wire.states import BackupKind, BackupState, backup_may

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

KEY_OUT_OF_HAND: Final = "its key may be in other hands"


def retire(tx: Session, backup: Backup, why: str, *, now: datetime) -> bool:
    """Retire one backup; give False when it is over already (restored or retired)."""
    if not backup_may(backup.state, BackupState.RETIRED):
        return False
    backup.state = BackupState.RETIRED
    backup.retired_at = now
    backup.retired_why = why
    destroy_secrets(tx, backup)
    audit.append(tx, "backup.retired", {"backup": backup.id, "why": why}, at=now)
    return True


def destroy_secrets(tx: Session, backup: Backup) -> None:
    """Destroy what the authority holds to open the backup; every copy of its folder is dead."""
    backup.recovery_key_sealed = None
    backup.pin_public_key = None  # with a folder at hand it would allow guessing PINs offline
    mark_destroyed(tx)
    tx.flush()


def retire_backups_of(
    tx: Session, original: Certificate, why: str, *, now: datetime, except_backup: str | None = None
) -> list[str]:
    """Retire every backup of one original, whatever its state; give the ids retired."""
    return _retire_where(tx, Backup.original_id == original.id, why, now, except_backup)


def retire_replaced(
    tx: Session,
    originals: Iterable[Certificate],
    why: str,
    *,
    now: datetime,
    except_backup: str | None = None,
) -> list[str]:
    """Retire the backups of originals in whose place a certificate is being issued.

    A collected backup has already put its successor in the original's place: it ends when that
    successor is replaced, not with its original.
    """
    ids = [original.id for original in originals]
    collected = Backup.state == BackupState.COLLECTED
    which = or_(
        and_(Backup.original_id.in_(ids), ~collected), and_(Backup.successor_id.in_(ids), collected)
    )
    return _retire_where(tx, which, why, now, except_backup)


def retire_backups_of_account(
    tx: Session,
    account: Account,
    why: str,
    *,
    now: datetime,
    registered_from: datetime | None = None,
) -> list[str]:
    """Retire every backup of an account; with `registered_from` those registered since then.

    Reserved ones are not registered yet: with `registered_from` they are retired as well, because
    their registration could only come later.
    """
    which = Backup.account_id == account.id
    if registered_from is not None:
        late = or_(Backup.registered_at >= registered_from, Backup.registered_at.is_(None))
        which = and_(which, late)
    return _retire_where(tx, which, why, now, None)


def retire_copies(tx: Session, key_sha256: str, *, now: datetime) -> list[str]:
    """Retire every copy of a key that may be in other hands; give the ids retired."""
    originals = select(Certificate.id).where(Certificate.key_sha256 == key_sha256)
    which = and_(Backup.kind == BackupKind.COPY, Backup.original_id.in_(originals))
    return _retire_where(tx, which, KEY_OUT_OF_HAND, now, None)


def _retire_where(
    tx: Session, which: ColumnElement[bool], why: str, now: datetime, except_backup: str | None
) -> list[str]:
    query = select(Backup).where(which).order_by(Backup.reserved_at, Backup.id)
    return [
        backup.id
        for backup in tx.scalars(query)
        if backup.id != except_backup and retire(tx, backup, why, now=now)
    ]
