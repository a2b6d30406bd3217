"""Backups: whose word counts, which original has one, and what a report ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from custode.domain.certificates import LIVE, cancellable
from custode_authority.wire.reasons import Reason
from custode_authority.wire.rome import end_of
from custode_authority.wire.states import BackupKind, BackupState

if TYPE_CHECKING:
    from datetime import date

    from custode.domain.model import BackupRecord, CertificateRecord, State

# Neither comes to life again, whatever an older or rolled-back authority says.
FINAL: Final = frozenset({BackupState.RESTORED, BackupState.RETIRED})
# Only a confirmed registration takes the red notice down.
STANDING: Final = frozenset({BackupState.REGISTERED, BackupState.REQUESTED, BackupState.APPROVED})


class ReportEnds(NamedTuple):
    """The usable backups that a report ends, and the living certificates that came out of some."""

    backups: tuple[BackupRecord, ...]
    certificates: tuple[CertificateRecord, ...]


def has_backup(state: State, original_sha256: str) -> bool:
    """Whether a registered backup of that original stands ready."""
    return any(
        b.original_sha256 == original_sha256 and b.state in STANDING for b in state.backups.values()
    )


def usable(state: State, original_sha256: str | None = None) -> tuple[BackupRecord, ...]:
    """Backups that could still be brought to life, oldest first; of that original, or of any."""
    alive = STANDING | {BackupState.COLLECTED}
    found = (
        b
        for b in state.backups.values()
        if b.state in alive and original_sha256 in {None, b.original_sha256}
    )
    return tuple(sorted(found, key=lambda b: (b.created_at, b.backup_id)))


def ended_by_report(
    state: State,
    original_sha256: str,
    last_held: date | None,
    *,
    stolen: bool,
    reason: Reason = Reason.MALFUNCTION,
) -> ReportEnds:
    """What a report of loss or theft would end besides its certificate (domain.md, Reasons).

    `last_held`: backups registered after that day in Rome, for whoever had the token may have made
    them. `stolen`: those of the reported original, whose folders were taken along, and the one that
    it came from itself. What had come out of such a backup ends as well, with its own backups.
    `reason`: after a loss or a theft the copies of that very key end, and where the key counts as
    compromised, so does every other certificate of it.
    """
    of_the_key = _of_the_key(state, original_sha256)
    late = [
        b
        for b in state.backups.values()
        if last_held is not None and b.created_at >= end_of(last_held)
    ]
    doubtful = [b for b in late if b.original_sha256 == original_sha256]
    if stolen:
        doubtful += [
            b
            for b in state.backups.values()
            if original_sha256 in {b.original_sha256, b.successor_sha256}
        ]
    doubtful, came_out = _with_what_came_out(state, doubtful)
    ended = {b.backup_id for b in (*late, *doubtful)}
    if reason is not Reason.MALFUNCTION:
        ended |= {
            b.backup_id
            for b in state.backups.values()
            if b.kind is BackupKind.COPY and b.original_sha256 in of_the_key
        }
    over = (known := state.certificate(original_sha256)) is not None and known.state not in LIVE
    if reason is Reason.THEFT or (reason is Reason.LOST and over):
        came_out |= of_the_key
    return ReportEnds(
        tuple(b for b in usable(state) if b.backup_id in ended),
        tuple(
            c for c in cancellable(state) if c.fingerprint_sha256 in came_out - {original_sha256}
        ),
    )


def _of_the_key(state: State, original_sha256: str) -> set[str]:
    """Every certificate of the same key as that one: a copy brings another."""
    known = state.certificate(original_sha256)
    return {original_sha256} | {
        c.fingerprint_sha256
        for c in state.certificates.values()
        if known is not None and c.key_sha256 == known.key_sha256 and c.fingerprint_sha256
    }


def _with_what_came_out(
    state: State, doubtful: list[BackupRecord]
) -> tuple[list[BackupRecord], set[str]]:
    """Add the backups of certificates that backups brought, over and over; name those certificates.

    What was restored is left out: its key is on a token, and its folder was dead by then.
    """
    found: list[BackupRecord] = []
    came_out: set[str] = set()
    while doubtful:
        fresh = [b for b in doubtful if b.state is not BackupState.RESTORED and b not in found]
        found += fresh
        brought = {b.successor_sha256 for b in fresh if b.successor_sha256 is not None}
        came_out |= brought
        doubtful = [b for b in state.backups.values() if b.original_sha256 in brought]
    return found, came_out


def merged(old: BackupRecord | None, row: BackupRecord) -> BackupRecord:
    """The authority's row with our own facts (the folder); an end is never taken back."""
    if old is None:
        return row
    stands = old.state in FINAL and row.state is not old.state
    newest, other = (old, row) if stands else (row, old)
    return replace(
        newest,
        successor_sha256=newest.successor_sha256 or other.successor_sha256,
        container_sha256=newest.container_sha256 or other.container_sha256,
        folder_name=row.folder_name or old.folder_name,
        folder_path=row.folder_path or old.folder_path,
        successor_key_sha256=newest.successor_key_sha256 or other.successor_key_sha256,
        token=row.token or old.token,
        key_id=row.key_id or old.key_id,
    )
