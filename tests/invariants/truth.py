"""What must hold of the authority's tables, read row by row and by none of its own rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from tests.invariants.world import World

_CERTIFICATES: Final = text(
    "SELECT c.id, c.account_id, c.fingerprint_sha256, c.state, c.not_after, o.kind, o.signer_id,"
    " c.predecessor_id FROM certificates c JOIN operations o ON o.id = c.operation_id ORDER BY c.id"
)
_CEASED: Final = text("SELECT id FROM accounts WHERE ceased ORDER BY id")
_BACKUPS: Final = text("SELECT id, state, original_id, successor_id FROM backups ORDER BY id")
_LIVING: Final = {"active", "suspended"}


@dataclass(frozen=True, slots=True)
class CertificateRow:
    id: int
    account: int
    fingerprint: str
    state: str
    valid_by_date: bool
    kind: str
    signer: int | None
    predecessor: int | None

    @property
    def usable(self) -> bool:
        """Whether somebody who looks at date and CRL would take it."""
        return self.state == "active" or (self.state == "expired" and self.valid_by_date)


@dataclass(frozen=True, slots=True)
class BackupRow:
    id: str
    state: str
    original: int
    successor: int | None


@dataclass(frozen=True, slots=True)
class About:
    """Everything that an answer about one backup depends on."""

    backup: BackupRow
    original: CertificateRow
    successor: CertificateRow | None
    ceased: bool

    @property
    def names(self) -> tuple[str, str]:
        """The backup's id and its original's fingerprint."""
        return self.backup.id, self.original.fingerprint


@dataclass(frozen=True, slots=True)
class Truth:
    """All certificates and backups, by id; which accounts ceased."""

    certificates: dict[int, CertificateRow]
    backups: dict[str, BackupRow]
    ceased: tuple[int, ...]

    @property
    def suspended(self) -> set[str]:
        """Fingerprints of the certificates on hold."""
        return {c.fingerprint for c in self.certificates.values() if c.state == "suspended"}

    @property
    def renewed(self) -> set[str]:
        """Fingerprints of the active certificates in whose place a renewal was issued."""
        signers = {c.signer for c in self.certificates.values() if c.kind == "reenroll"}
        active = (c for c in self.certificates.values() if c.state == "active")
        return {c.fingerprint for c in active if c.id in signers}

    def original_of(self, backup_id: str) -> CertificateRow:
        return self.certificates[self.backups[backup_id].original]

    def about(self, backup_id: str) -> About:
        backup = self.backups[backup_id]
        original = self.certificates[backup.original]
        successor = self.certificates.get(backup.successor or 0)
        return About(backup, original, successor, original.account in self.ceased)

    def living(self, account: int) -> set[int]:
        """Ids of the account's certificates that live: active, or suspended and able to be so."""
        rows = self.certificates.values()
        return {c.id for c in rows if c.account == account and c.state in _LIVING}

    def lineage(self, certificate: CertificateRow) -> int:
        """The first of a line of originals and their activated successors."""
        row = certificate
        while row.kind == "activation":
            (row,) = [
                self.certificates[b.original]
                for b in self.backups.values()
                if b.successor == row.id
            ]
        return row.id


def look(world: World) -> Truth:
    """Read the tables as they are; nothing is settled by it."""
    return _look(world, world.changes, world.clock.now())


@lru_cache(maxsize=8)
def _look(world: World, changes: int, now: datetime) -> Truth:
    del changes  # none since then: they are read once
    with world.looking() as tx:
        certificates = [
            CertificateRow(a, b, c, d, now < _moment(e), f, g, h)
            for a, b, c, d, e, f, g, h in tx.execute(_CERTIFICATES)
        ]
        backups = [BackupRow(*row) for row in tx.execute(_BACKUPS)]
        ceased = tuple(tx.scalars(_CEASED))
    return Truth({c.id: c for c in certificates}, {b.id: b for b in backups}, ceased)


def _moment(stored: str) -> datetime:
    return datetime.fromisoformat(stored).replace(tzinfo=UTC)


def check(truth: Truth) -> None:
    """Assert what always holds.

    :raises AssertionError: and says which rule is broken.
    """
    for backup in truth.backups.values():
        _check_backup(truth, backup)
    for account in {c.account for c in truth.certificates.values()}:
        _check_account(truth, account)


def _check_backup(truth: Truth, backup: BackupRow) -> None:
    original = truth.certificates[backup.original]
    if backup.state in {"requested", "approved"}:
        assert original.state != "active", "an activation is pending while the original is active"
    if backup.successor is not None:
        assert original.state in {"cancelled", "expired"}, "activated beside a living original"
        assert truth.certificates[backup.successor].kind == "activation"
    if backup.state in {"collected", "restored"}:
        assert backup.successor is not None, "collected, and nothing came in the original's place"
    renewals = [
        c for c in truth.certificates.values() if c.kind == "reenroll" and c.signer == original.id
    ]
    if renewals:
        assert backup.successor is None, "renewed, and its backup has taken its place as well"
        assert backup.state == "retired", "renewed, and a backup of it still alive"


def check_step(before: Truth, after: Truth) -> None:
    """Assert what holds from one step to the next: a new certificate ends older backups.

    :raises AssertionError: when one that was there before is still alive.
    """
    issued = [c for number, c in after.certificates.items() if number not in before.certificates]
    for certificate in issued:
        for old in before.backups.values():
            if old.original == certificate.predecessor and old.state not in {"retired", "restored"}:
                new = after.backups[old.id]
                ended = new.state in {"retired", "restored"} or new.successor is not None
                assert ended, "a new certificate is in place, and an old backup still alive"


def check_stolen(truth: Truth, original: int) -> None:
    """Assert that nothing lives that came out of a backup of it which was reported as stolen.

    :raises AssertionError: when something does.
    """
    for backup in truth.backups.values():
        if backup.original == original and backup.state != "restored":
            assert backup.state == "retired", "reported as stolen, and still alive"
        if backup.original == original and backup.state != "restored" and backup.successor:
            state = truth.certificates[backup.successor].state
            assert state not in _LIVING, "what came out of a stolen backup still lives"
            check_stolen(truth, backup.successor)


def _check_account(truth: Truth, account: int) -> None:
    """Never two active certificates through activation, nor without a signature."""
    living = [truth.certificates[number] for number in truth.living(account)]
    lines = [truth.lineage(certificate) for certificate in living]
    assert len(lines) == len(set(lines)), "an original and its successor, or two successors, live"
    unsigned = {line for line in lines if truth.certificates[line].signer is None}
    assert len(unsigned) <= 1, "a second certificate without the first one's signature"
