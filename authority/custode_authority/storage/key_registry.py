"""Which public key belongs to whom, and which may not be certified (domain.md, rule 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from custode_authority.errors import Refused
from custode_authority.storage.tables import PublicKey
from custode_authority.wire.problems import ProblemCode

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from custode_authority.storage.tables import Account


def claim(tx: Session, account: Account, key_sha256: str, *, now: datetime) -> PublicKey:
    """Bind a key to the account, or find that it is bound already.

    :raises Refused: KEY_OF_ANOTHER, KEY_COMPROMISED or KEY_IS_SUCCESSOR.
    """
    row = tx.get(PublicKey, key_sha256)
    if row is None:
        row = PublicKey(key_sha256=key_sha256, account_id=account.id, bound_at=now)
        tx.add(row)
        tx.flush()
        return row
    if row.account_id != account.id:
        raise Refused(ProblemCode.KEY_OF_ANOTHER, "the key belongs to another identity")
    if row.compromised_at is not None:
        raise Refused(ProblemCode.KEY_COMPROMISED, "the key was revoked as compromised")
    if row.successor_of is not None:
        raise Refused(ProblemCode.KEY_IS_SUCCESSOR, "the key is registered as a successor")
    return row


def reserve_successor(
    tx: Session, account: Account, key_sha256: str, backup_id: str, *, now: datetime
) -> None:
    """Register a fresh key as the successor of a backup; every enrolment of it is refused.

    :raises Refused: KEY_OF_ANOTHER, KEY_COMPROMISED or KEY_IS_SUCCESSOR; CSR_KEY when the account
        has used the key before (a successor is a fresh key).
    """
    if tx.get(PublicKey, key_sha256) is not None:
        claim(tx, account, key_sha256, now=now)
        raise Refused(ProblemCode.CSR_KEY, "a successor must be a fresh key")
    tx.add(
        PublicKey(
            key_sha256=key_sha256, account_id=account.id, bound_at=now, successor_of=backup_id
        )
    )
    tx.flush()


def grant_successor(tx: Session, key_sha256: str, backup_id: str) -> None:
    """Let go of a successor's key at its backup's grant; from now on it can be certified.

    :raises Refused: KEY_IS_SUCCESSOR when it is not this backup's successor.
    """
    row = tx.get(PublicKey, key_sha256)
    if row is None or row.successor_of != backup_id:
        raise Refused(ProblemCode.KEY_IS_SUCCESSOR, "the key is not this backup's successor")
    row.successor_of = None
    tx.flush()


def compromise(tx: Session, key_sha256: str, *, now: datetime) -> None:
    """Mark a key as compromised, for ever."""
    row = tx.get(PublicKey, key_sha256)
    if row is not None and row.compromised_at is None:
        row.compromised_at = now
        tx.flush()
