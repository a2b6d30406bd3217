"""The backup PIN, proved online: every try is counted before it is looked at.

Five wrong answers in total lock a backup for ever. A try is taken in a transaction of its own, so
that answers sent at the same time cannot share one; it is given back when the PIN was right. What
happens in between to this process, a crash or a kill, costs the try.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from sqlalchemy import CursorResult, update

from custode_authority.certificates.signatures import decode_signature
from custode_authority.errors import Refused
from custode_authority.escrow import backups
from custode_authority.escrow.decisions import MAX_TRIES
from custode_authority.escrow.pin_key import signed_with_pin
from custode_authority.storage import audit, nonces
from custode_authority.storage.tables import Backup
from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.states import BackupState, backup_may

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from custode_authority.ca.authority import Authority
    from custode_authority.errors import Data
    from custode_authority.escrow.backups import Who

    Gate = Callable[[Session, Backup, datetime], None]
    """Raises Refused when the step may not be taken, whatever the PIN."""

_SIGNATURE_SIZE: Final = 64  # RFC 8032 §5.1.6


@dataclass(frozen=True, slots=True)
class PinRequest:
    """A request signed with the PIN-derived key, as it came.

    `body` is what was signed, byte for byte; `signature` the header, base64.
    """

    backup_id: str
    purpose: str
    nonce: str
    body: bytes
    signature: str | None


def prove(authority: Authority, who: Who, request: PinRequest, gate: Gate) -> int:
    """Return the original's revision under which the request was signed with the right PIN.

    In this order: `gate`, signature header, nonce, try, PIN. Only a wrong PIN is counted. The
    caller goes on in a transaction of its own, where the gate and the revision must still hold.

    :raises Refused: what `gate` raises; SIGNATURE_REQUIRED, SIGNATURE_INVALID, NONCE_INVALID;
        BACKUP_LOCKED when no try is left, or this was the last; WRONG_BACKUP_PIN.
    """
    with authority.db.transaction() as tx:
        now = authority.clock.now()
        backup = backups.open_backup(tx, authority, who, request.backup_id, now=now)
        gate(tx, backup, now)
        signature = decode_signature(request.signature)
        if len(signature) != _SIGNATURE_SIZE or backup.pin_public_key is None:
            raise Refused(ProblemCode.SIGNATURE_INVALID, "no Ed25519 signature")
        nonces.spend(tx, backup.account, request.purpose, request.nonce, now=now)
        _take_try(tx, backup)
        public_key, revision = backup.pin_public_key, backup.original.revision
    if signed_with_pin(public_key, signature, request.body):
        _give_back(authority, request.backup_id)
        return revision
    raise _wrong(authority, request)


def still(backup: Backup, revision: int) -> None:
    """Go on only when the original has not changed since the PIN was proved.

    :raises Refused: NONCE_INVALID, as for any nonce from before a change of the original.
    """
    if backup.original.revision != revision:
        raise Refused(ProblemCode.NONCE_INVALID, "the original changed meanwhile")


def _take_try(tx: Session, backup: Backup) -> None:
    taken = tx.execute(
        update(Backup)
        .where(Backup.id == backup.id, Backup.tries_used < MAX_TRIES)
        .values(tries_used=Backup.tries_used + 1)
    )
    if cast("CursorResult[tuple[()]]", taken).rowcount != 1:
        raise Refused(ProblemCode.BACKUP_LOCKED, "no try is left", {"tries_remaining": 0})


def _give_back(authority: Authority, backup_id: str) -> None:
    with authority.db.transaction() as tx:
        tx.execute(
            update(Backup)
            .where(Backup.id == backup_id, Backup.tries_used > Backup.wrong_pins)
            .values(tries_used=Backup.tries_used - 1)
        )


def _wrong(authority: Authority, request: PinRequest) -> Refused:
    """Record a wrong answer; the fifth locks the backup."""
    with authority.db.transaction() as tx:
        now = authority.clock.now()
        backup = tx.get_one(Backup, request.backup_id, with_for_update=True)
        backup.wrong_pins += 1
        remaining = MAX_TRIES - backup.wrong_pins
        about: Data = {
            "backup": backup.id,
            "purpose": request.purpose,
            "tries_remaining": remaining,
        }
        audit.append(tx, "backup.pin_rejected", about, at=now)
        if remaining <= 0 and backup_may(backup.state, BackupState.LOCKED):
            backups.move(tx, backup, BackupState.LOCKED, now=now)
            backup.locked_at = now
    if remaining <= 0:
        return Refused(ProblemCode.BACKUP_LOCKED, "five wrong PINs", {"tries_remaining": 0})
    data: Data = {"tries_remaining": remaining}
    return Refused(ProblemCode.WRONG_BACKUP_PIN, "the backup PIN is wrong", data)
