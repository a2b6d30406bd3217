"""Asking for the activation of a backup, and approving it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from custode_authority.domain.withdrawal import clear_activation
from custode_authority.escrow import backups, decisions, ending, pin_proof
from custode_authority.escrow.pin_proof import PinRequest
from custode_authority.storage import audit
from custode_authority.wire.states import BackupPlace, BackupState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from custode_authority.ca.authority import Authority
    from custode_authority.errors import Data
    from custode_authority.escrow.backups import Who
    from custode_authority.storage.tables import Backup
    from custode_authority.wire.messages import ActivationRequest, BackupView
    from custode_authority.wire.reasons import Reason

BY_POLICY: Final = "policy"


def activate(
    authority: Authority,
    who: Who,
    request: ActivationRequest,
    body: bytes,
    signature: str | None,
) -> BackupView:
    """Take a request for activation; the policy may approve it at once.

    Sent again it is answered with what became of it. A graver reason raises the one recorded; an
    approval that nobody used in time is asked for anew.

    :raises Refused: ORIGINAL_ACTIVE and the others of `decisions.ACTIVATION` before the PIN is
        looked at, NOT_FOUND, and those of `pin_proof.prove`.
    """

    def gate(tx: Session, backup: Backup, now: datetime) -> None:
        reported = backups.reported(tx, backup.original)
        fits = ending.reason_fits(reported, backup.activation_reason, request.reason)
        facts = backups.facts_of(
            backup,
            now=now,
            place=BackupPlace.FOLDER,
            container_sha256=request.container_sha256,
            reason=request.reason,
            reason_fits=fits,
        )
        backups.require(decisions.ACTIVATION, backup, facts)

    asked = PinRequest(request.backup_id, request.purpose, request.nonce, body, signature)
    revision = pin_proof.prove(authority, who, asked, gate)
    with authority.db.transaction() as tx:
        now = authority.clock.now()
        backup = backups.open_backup(tx, authority, who, request.backup_id, now=now)
        gate(tx, backup, now)
        pin_proof.still(backup, revision)
        ask(tx, backup, request.reason, request.nonce, now=now)
        ripen(tx, authority, backup, now=now)
        return backups.view(backup, authority.settings, now=now)


def approve(
    tx: Session,
    authority: Authority,
    backup: Backup,
    by: str,
    *,
    now: datetime,
    since: datetime | None = None,
) -> None:
    """Approve a requested activation, for the desk; `by` says who did, for the log.

    Call `settling.settle` for the account first. The approval ends `approval_life_s` after now,
    or after `since` when it was due at an earlier moment.

    :raises Refused: those of `decisions.APPROVAL`.
    """
    backups.require(decisions.APPROVAL, backup, backups.facts_of(backup, now=now))
    since = since or now
    backup.approved_at = since
    backup.approval_expires_at = since + timedelta(seconds=authority.settings.approval_life_s)
    backup.approved_by = by
    backups.move(tx, backup, BackupState.APPROVED, now=now, by=by)


def ripen(tx: Session, authority: Authority, backup: Backup, *, now: datetime) -> None:
    """Approve by policy a request whose waiting time is over; lazy, no timer does it.

    The approval counts from the moment the wait ended, not from when somebody looked.
    """
    if authority.settings.activation != "automatic" or backup.requested_at is None:
        return
    ripe_at = backup.requested_at + timedelta(seconds=authority.settings.activation_wait_s)
    facts = backups.facts_of(backup, now=now)
    if ripe_at <= now and decisions.refusal(decisions.APPROVAL, facts) is None:
        approve(tx, authority, backup, BY_POLICY, now=now, since=ripe_at)


def ask(tx: Session, backup: Backup, reason: Reason, nonce: str, *, now: datetime) -> None:
    """Note that a backup's activation was asked for, once more or with a graver reason."""
    if backup.state is BackupState.APPROVED and backups.facts_of(backup, now=now).approval_over:
        clear_activation(backup)
        audit.append(tx, "backup.approval_expired", {"backup": backup.id}, at=now)
    if backup.state is BackupState.REGISTERED:
        backup.requested_at = now
        backups.move(tx, backup, BackupState.REQUESTED, now=now, reason=reason.value)
    elif backup.activation_reason is not reason:
        about: Data = {"backup": backup.id, "reason": reason.value}
        audit.append(tx, "backup.reason_raised", about, at=now)
    backup.activation_nonce = nonce
    backup.activation_reason = reason
