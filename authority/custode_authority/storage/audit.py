"""The authority's log: each entry carries the hash of the one before it."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec
from sqlalchemy import select

from custode_authority.storage.tables import AuditEntry

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from custode_authority.errors import Data

GENESIS: Final = "0" * 64


def append(tx: Session, name: str, data: Data, *, at: datetime) -> AuditEntry:
    """Append an entry within the transaction; it is there exactly if the change it tells is.

    `name` is past tense with dots ("certificate.issued"). No secret ever goes into `data`.
    """
    last = _last(tx)
    prev = GENESIS if last is None else last.hash
    seq = 1 if last is None else last.seq + 1
    text = msgspec.json.encode(data, order="sorted").decode()
    entry = AuditEntry(
        seq=seq, at=at, name=name, data=text, prev=prev, hash=_hash(seq, at, name, text, prev)
    )
    tx.add(entry)
    tx.flush()
    return entry


def head(tx: Session) -> str:
    """Return the hash of the last entry, 64 zeros for an empty log."""
    last = _last(tx)
    return GENESIS if last is None else last.hash


def holds(tx: Session, head: str) -> bool:
    """Whether the log was once as the hash says: it is that of an entry, or of the empty log."""
    query = select(AuditEntry.seq).where(AuditEntry.hash == head)
    return head == GENESIS or tx.scalars(query).first() is not None


def first_broken(tx: Session) -> int | None:
    """Return the number of the first entry that does not fit the chain, or None."""
    prev, expected = GENESIS, 1
    for row in tx.scalars(select(AuditEntry).order_by(AuditEntry.seq)):
        fits = row.seq == expected and row.prev == prev
        if not fits or row.hash != _hash(row.seq, row.at, row.name, row.data, row.prev):
            return row.seq
        prev, expected = row.hash, expected + 1
    return None


def _last(tx: Session) -> AuditEntry | None:
    # The lock makes a second writer wait (PostgreSQL); `prev` is unique, so a fork cannot be kept.
    query = select(AuditEntry).order_by(AuditEntry.seq.desc()).limit(1).with_for_update()
    return tx.scalars(query).first()


def _hash(seq: int, at: datetime, name: str, data: str, prev: str) -> str:
    line = msgspec.json.encode([seq, at.isoformat(), name, data, prev])
    return sha256(line).hexdigest()
