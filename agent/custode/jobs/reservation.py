"""What becomes of a reservation at the authority when nobody knows whether it was confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from custode_authority.wire.problems import ProblemCode
from custode_drivers.portals.errors import PortalRefused

if TYPE_CHECKING:
    from custode_authority.wire.messages import BackupView
    from custode_drivers.portals.custode import CustodeClient


def given_up(authority: CustodeClient, backup_id: str) -> BackupView | None:
    """Give a reservation up; the backup instead, when it was confirmed after all."""
    try:
        authority.abandon(backup_id)
    except PortalRefused as refused:
        if refused.code != ProblemCode.BACKUP_STATE:
            raise
        return authority.backup(backup_id)
    return None
