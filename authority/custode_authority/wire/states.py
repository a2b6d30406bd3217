"""State tables of certificates and backups.

Both sides of the counter walk these tables; nothing else decides which change of state exists.
Sources: the client's "Richiedere o annullare il certificato" (states *in generazione, attivo,
scaduto*), RFC 7030 §4.2.3 (202 while generating), RFC 5280 §5.3.1 (certificateHold).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class CertificateState(StrEnum):
    """Life of one request and of the certificate that comes of it."""

    REQUESTED = "requested"
    GENERATING = "generating"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


class BackupState(StrEnum):
    """Life of one backup, as the authority keeps it."""

    RESERVED = "reserved"
    REGISTERED = "registered"
    REQUESTED = "requested"
    APPROVED = "approved"
    COLLECTED = "collected"
    RESTORED = "restored"
    LOCKED = "locked"
    RETIRED = "retired"


class BackupKind(StrEnum):
    """What a backup holds: a fresh key, or the same key wrapped out of its token."""

    SUCCESSOR = "successor"
    COPY = "copy"


class BackupPlace(StrEnum):
    """Where a backup's key lies: encrypted in a folder, or on a spare token."""

    FOLDER = "folder"
    TOKEN = "token"  # noqa: S105 - a place, not a secret


_C = CertificateState
CERTIFICATE_TABLE: Final[Mapping[CertificateState, frozenset[CertificateState]]] = {
    _C.REQUESTED: frozenset({_C.GENERATING, _C.REJECTED}),
    _C.GENERATING: frozenset({_C.ACTIVE, _C.REJECTED}),
    _C.ACTIVE: frozenset({_C.SUSPENDED, _C.EXPIRED, _C.CANCELLED}),
    _C.SUSPENDED: frozenset({_C.ACTIVE, _C.CANCELLED, _C.EXPIRED}),
    _C.EXPIRED: frozenset(),
    _C.CANCELLED: frozenset(),
    _C.REJECTED: frozenset(),
}

_B = BackupState
_ASIDE: Final = frozenset({_B.LOCKED, _B.RETIRED})
BACKUP_TABLE: Final[Mapping[BackupState, frozenset[BackupState]]] = {
    _B.RESERVED: frozenset({_B.REGISTERED, _B.RETIRED}),
    _B.REGISTERED: frozenset({_B.REQUESTED}) | _ASIDE,
    # Back to registered: the desk reinstates the original and so withdraws the request.
    _B.REQUESTED: frozenset({_B.APPROVED, _B.REGISTERED}) | _ASIDE,
    _B.APPROVED: frozenset({_B.COLLECTED, _B.REGISTERED}) | _ASIDE,
    _B.COLLECTED: frozenset({_B.RESTORED}) | _ASIDE,
    _B.RESTORED: frozenset(),
    _B.LOCKED: frozenset({_B.RETIRED}),
    _B.RETIRED: frozenset(),
}


def certificate_may(old: CertificateState, new: CertificateState) -> bool:
    """Whether a certificate may go from `old` to `new`."""
    return new in CERTIFICATE_TABLE[old]


def backup_may(old: BackupState, new: BackupState) -> bool:
    """Whether a backup may go from `old` to `new`."""
    return new in BACKUP_TABLE[old]
