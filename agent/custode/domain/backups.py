"""Backups: whose word counts, and which original has one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from custode_authority.wire.states import BackupState

if TYPE_CHECKING:
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
