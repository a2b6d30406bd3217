"""Which backups can still be used, and which of them a report would retire."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from custode.domain.backups import ended_by_report, usable
from custode.domain.model import BackupRecord, CertificateRecord, State
from custode_authority.wire.reasons import Reason
from custode_authority.wire.states import BackupKind, BackupState, CertificateState

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
    assert bool(found.backups) is ended
    assert found.certificates == ()


def test_a_folder_stolen_with_one_original_does_not_end_anothers(
    away: State, backup: BackupRecord
) -> None:
    assert ended_by_report(away, backup.original_sha256, None, stolen=True).backups
    assert not ended_by_report(away, "0" * 64, None, stolen=True).backups


@pytest.mark.parametrize(
    ("state", "void", "cancelled"),
    [
        (BackupState.COLLECTED, ["B", "C"], ["OP2"]),
        (BackupState.RETIRED, ["C"], ["OP2"]),  # by its owner: what came out of it still lived
        (BackupState.RESTORED, [], []),  # its key is on a token: its folder was dead by then
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_what_came_out_of_a_doubtful_backup_ends_with_it(
    away: State,
    original: CertificateRecord,
    backup: BackupRecord,
    state: BackupState,
    void: list[str],
    cancelled: list[str],
    late: bool,
) -> None:
    first = replace(backup, backup_id="B", state=state, successor_sha256="e" * 64)
    second = replace(backup, backup_id="C", original_sha256="e" * 64, successor_sha256=None)
    rows = [
        replace(original, state=CertificateState.CANCELLED),
        replace(original, id_operazione="OP2", fingerprint_sha256="e" * 64),
        replace(original, id_operazione="OP3", fingerprint_sha256="f" * 64),
    ]
    after = replace(
        away,
        backups={one.backup_id: one for one in (first, second)},
        certificates={one.id_operazione: one for one in rows},
    )
    last_held = date(2026, 3, 8) if late else None
    found = ended_by_report(after, "a" * 64, last_held, stolen=not late)
    # Made after that day it ends in any case, whichever certificate it is of.
    assert [one.backup_id for one in found.backups] == (["C"] if late and not void else void)
    assert [one.id_operazione for one in found.certificates] == cancelled


def test_a_stolen_successor_takes_the_backup_along_that_it_came_from(
    away: State, original: CertificateRecord, backup: BackupRecord
) -> None:
    came = replace(backup, state=BackupState.COLLECTED, successor_sha256="e" * 64)
    row = replace(original, id_operazione="OP2", fingerprint_sha256="e" * 64)
    after = replace(away, backups={came.backup_id: came}, certificates={"OP2": row})
    found = ended_by_report(after, "e" * 64, None, stolen=True)
    assert found == ((came,), ())  # it is the one that is reported anyway


@pytest.mark.parametrize(
    ("reason", "state", "void", "ended"),
    [
        (Reason.MALFUNCTION, CertificateState.ACTIVE, [], []),
        (Reason.LOST, CertificateState.ACTIVE, ["B"], []),
        (Reason.THEFT, CertificateState.ACTIVE, ["B"], ["OP2"]),
        (Reason.LOST, CertificateState.CANCELLED, ["B"], ["OP2"]),
    ],
)
def test_a_loss_or_a_theft_ends_what_has_the_very_key(
    away: State,
    original: CertificateRecord,
    backup: BackupRecord,
    reason: Reason,
    state: CertificateState,
    void: list[str],
    ended: list[str],
) -> None:
    copy = replace(backup, backup_id="B", kind=BackupKind.COPY)
    other_key = replace(copy, backup_id="D", original_sha256="f" * 64)
    rows = [
        replace(original, state=state),
        replace(original, id_operazione="OP2", fingerprint_sha256="e" * 64),
        replace(original, id_operazione="OP3", fingerprint_sha256="f" * 64, key_sha256="9" * 64),
    ]
    after = replace(
        away,
        backups={one.backup_id: one for one in (copy, replace(backup, backup_id="C"), other_key)},
        certificates={one.id_operazione: one for one in rows},
    )
    found = ended_by_report(after, "a" * 64, None, stolen=False, reason=reason)
    assert [one.backup_id for one in found.backups] == void
    assert [one.id_operazione for one in found.certificates] == ended
