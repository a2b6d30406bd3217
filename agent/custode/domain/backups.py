"""Backups: whose word counts, and which original has one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from custode_authority.wire.rome import end_of
from custode_authority.wire.states import BackupState

if TYPE_CHECKING:
    from datetime import date

    from custode.domain.model import BackupRecord, State

# Neither comes to life again, whatever an older or rolled-back authority says.
FINAL: Final = frozenset({BackupState.RESTORED, BackupState.RETIRED})
# Only a confirmed registration takes the red notice down.
STANDING: Final = frozenset({BackupState.REGISTERED, BackupState.REQUESTED, BackupState.APPROVED})


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
    state: State, original_sha256: str, last_held: date | None, *, stolen: bool
) -> tuple[BackupRecord, ...]:
    """Which usable backups a report of loss or theft would retire (domain.md, Reasons).

    `last_held`: those registered after that day in Rome, for whoever had the token may have made
    them. `stolen`: those of the reported original, whose folders were taken along.
    """
    return tuple(
        b
        for b in usable(state)
        if (last_held is not None and b.created_at >= end_of(last_held))
        or (stolen and b.original_sha256 == original_sha256)
    )


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
    )
