"""An account's backups, as it may see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from custode_authority.certificates import settling
from custode_authority.escrow import backups
from custode_authority.escrow.activation import ripen
from custode_authority.storage.tables import Backup

if TYPE_CHECKING:
    from custode_authority.ca.authority import Authority
    from custode_authority.escrow.backups import Who
    from custode_authority.wire.messages import BackupView


def all_backups(authority: Authority, who: Who) -> list[BackupView]:
    """Return every backup of the account, the oldest first."""
    with authority.db.transaction() as tx:
        now = authority.clock.now()
        account = who(tx)
        settling.settle(tx, authority, account, now=now)
        query = select(Backup).where(Backup.account_id == account.id)
        rows = tx.scalars(query.order_by(Backup.reserved_at, Backup.id)).all()
        for backup in rows:
            ripen(tx, authority, backup, now=now)
        return [backups.view(backup, authority.settings, now=now) for backup in rows]


def one_backup(authority: Authority, who: Who, backup_id: str) -> BackupView:
    """Return one backup.

    :raises Refused: NOT_FOUND, also for another account's.
    """
    with authority.db.transaction() as tx:
        now = authority.clock.now()
        backup = backups.open_backup(tx, authority, who, backup_id, now=now)
        ripen(tx, authority, backup, now=now)
        return backups.view(backup, authority.settings, now=now)
