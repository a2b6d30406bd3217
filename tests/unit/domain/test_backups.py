"""Which backups can still be used, and which of them a report would retire."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from custode.domain.backups import ended_by_report, usable
from custode.domain.model import BackupRecord, State
from custode_authority.wire.states import BackupState

LAST_HELD = date(2026, 3, 9)  # ends at 23:00 UTC


@pytest.mark.parametrize("state", BackupState)
def test_usable(away: State, backup: BackupRecord, state: BackupState) -> None:
    one = replace(away, backups={backup.backup_id: replace(backup, state=state)})
    ends = {BackupState.RESERVED, BackupState.LOCKED, BackupState.RETIRED, BackupState.RESTORED}
    assert bool(usable(one)) is (state not in ends)
    assert usable(one) == usable(one, backup.original_sha256)
    assert usable(one, "0" * 64) == ()


@pytest.mark.parametrize(
    ("made", "last_held", "stolen", "ended"),
    [
        (datetime(2026, 3, 9, 22, 59, tzinfo=UTC), LAST_HELD, False, False),
        (datetime(2026, 3, 9, 23, 0, tzinfo=UTC), LAST_HELD, False, True),
        (datetime(2026, 3, 9, 23, 0, tzinfo=UTC), None, False, False),
        (datetime(2026, 3, 9, 22, 59, tzinfo=UTC), LAST_HELD, True, True),
    ],
)
def test_what_a_report_retires(
    away: State,
    backup: BackupRecord,
    made: datetime,
    last_held: date | None,
    stolen: bool,
    ended: bool,
) -> None:
    state = replace(away, backups={backup.backup_id: replace(backup, created_at=made)})
    found = ended_by_report(state, backup.original_sha256, last_held, stolen=stolen)
    assert bool(found) is ended


def test_a_folder_stolen_with_one_original_does_not_end_anothers(
    away: State, backup: BackupRecord
) -> None:
    assert ended_by_report(away, backup.original_sha256, None, stolen=True)
    assert not ended_by_report(away, "0" * 64, None, stolen=True)
