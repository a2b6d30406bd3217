"""Nonces: each lets one signed request of one purpose through, once."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from sqlalchemy import CursorResult, delete, update

from custode_authority.errors import Refused
from custode_authority.storage.tables import NonceRow
from custode_authority.wire.problems import ProblemCode

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from custode_authority.storage.tables import Account

LIFE: Final = timedelta(minutes=10)


def issue(tx: Session, account: Account, purpose: str, *, now: datetime) -> NonceRow:
    """Make a nonce for one signed request of that purpose; expired ones are cleared away."""
    tx.execute(
        delete(NonceRow).where(NonceRow.account_id == account.id, NonceRow.expires_at <= now)
    )
    row = NonceRow(
        nonce=secrets.token_urlsafe(24),
        account_id=account.id,
        purpose=purpose,
        expires_at=now + LIFE,
    )
    tx.add(row)
    tx.flush()
    return row


def spend(tx: Session, account: Account, purpose: str, nonce: str, *, now: datetime) -> None:
    """Spend a nonce; when the transaction is undone, so is this.

    :raises Refused: NONCE_INVALID when it is unknown, of another account or purpose, too old,
        already spent, or dead because a certificate changed meanwhile.
    """
    done = tx.execute(
        update(NonceRow)
        .where(
            NonceRow.nonce == nonce,
            NonceRow.account_id == account.id,
            NonceRow.purpose == purpose,
            NonceRow.used_at.is_(None),
            NonceRow.expires_at > now,
        )
        .values(used_at=now)
    )
    if cast("CursorResult[tuple[()]]", done).rowcount != 1:
        raise Refused(ProblemCode.NONCE_INVALID, "the nonce does not fit this request")


def kill_for_account(tx: Session, account: Account) -> None:
    """End every unspent nonce: what was signed for an earlier state of affairs counts no more."""
    tx.execute(
        delete(NonceRow).where(NonceRow.account_id == account.id, NonceRow.used_at.is_(None))
    )
