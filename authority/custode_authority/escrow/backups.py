"""One backup at the counter: finding it, the facts about it, its changes of state, its view."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from custode_authority.certificates import settling
from custode_authority.errors import Refused
from custode_authority.escrow import decisions
from custode_authority.escrow.ending import gravest
from custode_authority.storage import audit
from custode_authority.storage.tables import Account, Backup, Certificate, Report
from custode_authority.wire.messages import BackupView
from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.reasons import CrlReason, Reason
from custode_authority.wire.states import (
    BackupKind,
    BackupPlace,
    BackupState,
    CertificateState,
    backup_may,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from custode_authority.ca.authority import Authority
    from custode_authority.ca.home import Settings
    from custode_authority.errors import Data
    from custode_authority.escrow.ending import Reported

    Who = Callable[[Session], Account]
    """Tells whose API key a request bears; asked anew in every transaction of a procedure."""

DESK_RETRY_S: Final = 30  # how soon to ask again while a person decides


def find(tx: Session, account: Account, backup_id: str) -> Backup:
    """Return the account's backup, its row locked until the transaction ends.

    :raises Refused: NOT_FOUND, also for another account's.
    """
    query = select(Backup).where(Backup.id == backup_id, Backup.account_id == account.id)
    backup = tx.scalars(query.with_for_update()).first()
    if backup is None:
        raise Refused(ProblemCode.NOT_FOUND, "the account has no such backup")
    return backup


def open_backup(
    tx: Session, authority: Authority, who: Who, backup_id: str, *, now: datetime
) -> Backup:
    """Authenticate, bring the account up to date, and return its backup.

    :raises Refused: WRONG_CREDENTIALS or NOT_FOUND.
    """
    account = who(tx)
    settling.settle(tx, authority, account, now=now)
    return find(tx, account, backup_id)


def facts_of(
    backup: Backup,
    *,
    now: datetime,
    place: BackupPlace | None = None,
    container_sha256: str | None = None,
    reason: Reason | None = None,
    reason_fits: bool = True,
    renewed: bool = False,
) -> decisions.Facts:
    """Return what the decisions need to know; `place`, `container_sha256`: what the asker says.

    `reason`: why its activation is asked for.
    """
    until = backup.approval_expires_at
    original = backup.original
    return decisions.Facts(
        state=backup.state,
        original=original.state,
        original_reason=original.crl_reason,
        ceased=backup.account.ceased,
        tries_taken=backup.tries_used,
        place_fits=place in {None, backup.place},
        copy_fits=_copy_fits(backup, reason),
        same_container=container_sha256 in {None, backup.container_sha256},
        reason_fits=reason_fits,
        approval_over=until is None or until <= now,
        successor=backup.successor.state if backup.successor else None,
        clock_back=original.state is CertificateState.EXPIRED and now < original.not_after,
        renewed=renewed,
    )


def _copy_fits(backup: Backup, reason: Reason | None) -> bool:
    if backup.kind is not BackupKind.COPY:
        return True
    disclosed = backup.original.crl_reason is CrlReason.KEY_COMPROMISE
    return not disclosed and reason in {None, Reason.MALFUNCTION}


def require(rules: tuple[decisions.Rule, ...], backup: Backup, facts: decisions.Facts) -> None:
    """Go on only when no rule refuses.

    :raises Refused: with the code of the first rule that does.
    """
    code = decisions.refusal(rules, facts)
    if code is not None:
        data: Data = {
            "backup": backup.id,
            "state": backup.state.value,
            "original_state": backup.original.state.value,
            "tries_remaining": decisions.MAX_TRIES - backup.tries_used,
        }
        raise Refused(code, f"backup {backup.state}, original {backup.original.state}", data)


def move(
    tx: Session, backup: Backup, new: BackupState, *, now: datetime, **data: str | int | None
) -> None:
    """Change a backup's state along the table and write it into the log.

    :raises Refused: BACKUP_STATE when the table has no such change.
    """
    if not backup_may(backup.state, new):
        raise Refused(ProblemCode.BACKUP_STATE, f"from {backup.state} to {new}")
    backup.state = new
    about: Data = {"backup": backup.id, **data}
    audit.append(tx, f"backup.{new}", about, at=now)
    tx.flush()


def reported(tx: Session, original: Certificate) -> Reported | None:
    """Return the gravest report of the original's token, or None when there is none.

    One from before the suspension that lasts now was settled when the original came back to life.
    """
    query = select(Report).where(Report.certificate_id == original.id)
    if original.suspended_at is not None:
        query = query.where(Report.at >= original.suspended_at)
    rows = tx.scalars(query.order_by(Report.at, Report.id))
    return gravest((row.reason, row.destroyed_for_certain) for row in rows)


def view(backup: Backup, settings: Settings, *, now: datetime) -> BackupView:
    """Return what the account may see of a backup."""
    return BackupView(
        backup_id=backup.id,
        kind=backup.kind,
        state=backup.state,
        original_sha256=backup.original_sha256,
        reserved_at=backup.reserved_at,
        registered_at=backup.registered_at,
        container_sha256=backup.container_sha256,
        tries_remaining=decisions.MAX_TRIES - backup.tries_used,
        requested_at=backup.requested_at,
        approved_at=backup.approved_at,
        approval_expires_at=backup.approval_expires_at,
        collected_at=backup.collected_at,
        restored_at=backup.restored_at,
        retired_at=backup.retired_at,
        retired_why=backup.retired_why,
        successor_sha256=backup.successor_sha256,
        retry_after_s=_retry_after_s(backup, settings, now),
        place=backup.place,
        successor_key_sha256=backup.successor_key_sha256,
    )


def _retry_after_s(backup: Backup, settings: Settings, now: datetime) -> int | None:
    if backup.state is not BackupState.REQUESTED or backup.requested_at is None:
        return None
    if settings.activation == "desk":
        return DESK_RETRY_S
    ripe = backup.requested_at + timedelta(seconds=settings.activation_wait_s)
    return max(1, math.ceil((ripe - now).total_seconds()))
