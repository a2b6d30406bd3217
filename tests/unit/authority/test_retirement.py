"""Which backups end with what, and that what could open them is gone from the disk."""

import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import select

from custode_authority.storage.tables import Account, Backup, Certificate, PublicKey
from custode_authority.wire.reasons import Reason
from custode_authority.wire.states import BackupKind, BackupState

B = BackupState
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)  # where the clock of these tests stands


def _add(anna: Any, mine: Any, state: B, *, registered_at: datetime | None = START) -> str:
    """Put a backup of a certificate into the database; its recovery key is easy to recognise."""
    with anna.authority.db.transaction() as tx:
        original = tx.scalars(
            select(Certificate).where(Certificate.fingerprint_sha256 == sha256(mine[1]).hexdigest())
        ).one()
        backup = Backup(
            id=secrets.token_hex(16),
            account_id=original.account_id,
            kind=BackupKind.SUCCESSOR,
            state=state,
            original_id=original.id,
            original_sha256=original.fingerprint_sha256,
            reserved_at=START,
            registered_at=registered_at,
            recovery_public_key=b"public",
            recovery_key_sealed=b"RECOVERY-KEY-" * 20,
            pin_public_key=b"P" * 32,
        )
        tx.add(backup)
        return backup.id


def _state(anna: Any, backup_id: str) -> B:
    with anna.authority.db.transaction() as tx:
        backup: Backup = tx.get_one(Backup, backup_id)
        return backup.state


RETIRABLE = [state for state in B if state not in {B.RESTORED, B.RETIRED}]


@pytest.mark.parametrize("state", [state for state in RETIRABLE if state is not B.COLLECTED])
def test_a_new_request_after_cancellation_retires(anna: Any, state: B) -> None:
    mine = anna.certified()
    backup = _add(anna, mine, state)
    assert anna.cancel(mine, by=mine).status_code == 201
    assert _state(anna, backup) is state  # until something new is issued it can be activated
    anna.certified()
    assert _state(anna, backup) is B.RETIRED


def test_a_further_key_retires_nothing_of_an_active_one(anna: Any) -> None:
    mine = anna.certified()
    backup = _add(anna, mine, B.REGISTERED)
    anna.certified(mine)
    assert _state(anna, backup) is B.REGISTERED


@pytest.mark.parametrize("state", [state for state in RETIRABLE if state is not B.COLLECTED])
def test_a_renewal_retires(anna: Any, state: B) -> None:
    mine = anna.certified()
    backup = _add(anna, mine, state)
    anna.certified(mine, "simplereenroll")
    assert _state(anna, backup) is B.RETIRED


def test_a_cancellation_for_renewal_retires(anna: Any) -> None:
    mine = anna.certified()
    backup = _add(anna, mine, B.REGISTERED)
    newer = anna.certified(mine)
    assert anna.cancel(mine, by=newer, reason="renewal").status_code == 201
    assert _state(anna, backup) is B.RETIRED


@pytest.mark.parametrize("state", RETIRABLE)
def test_ceased_retires_every_backup_and_no_other_persons(anna: Any, bruno: Any, state: B) -> None:
    mine, his = anna.certified(), bruno.certified()
    backup, other = _add(anna, mine, state), _add(bruno, his, state)
    assert anna.cancel(mine, by=mine, reason=Reason.CEASED.value).status_code == 201
    assert (_state(anna, backup), _state(bruno, other)) == (B.RETIRED, state)


def test_a_collected_backup_ends_with_its_successor_not_with_its_original(anna: Any) -> None:
    mine = anna.certified()
    successor = anna.certified(mine)
    backup = _add(anna, mine, B.COLLECTED)
    with anna.authority.db.transaction() as tx:
        issued = select(Certificate).where(
            Certificate.fingerprint_sha256 == sha256(successor[1]).hexdigest()
        )
        tx.get_one(Backup, backup).successor_id = tx.scalars(issued).one().id
        tx.scalars(select(Account)).one().first_cancellation_spent = True
    assert anna.cancel(mine, by=successor).status_code == 201
    third = anna.certified(successor)
    assert _state(anna, backup) is B.COLLECTED
    assert anna.cancel(successor, by=third).status_code == 201
    anna.certified(third)
    assert _state(anna, backup) is B.RETIRED


@pytest.mark.parametrize(
    ("reason", "last_held", "registered_at", "retired"),
    [
        ("lost", "2026-03-01", START, True),
        ("theft", "2026-03-01", START, True),
        ("lost", "2026-03-02", START, False),  # registered on the day itself
        ("lost", "2026-03-01", START - timedelta(days=1), False),
        ("lost", "2026-03-01", None, True),  # only reserved: it could be registered no earlier
        ("lost", None, START, False),  # held until today
        ("malfunction", "2026-03-01", START, False),  # nobody else has it
    ],
)
def test_what_was_registered_after_the_token_was_last_held(
    anna: Any, reason: str, last_held: str | None, registered_at: datetime | None, retired: bool
) -> None:
    mine = anna.certified()
    state = B.REGISTERED if registered_at else B.RESERVED
    backup = _add(anna, mine, state, registered_at=registered_at)
    done = anna.report(mine, reason, last_held=last_held).json()
    assert done["retired_backups"] == ([backup] if retired else [])
    assert _state(anna, backup) is (B.RETIRED if retired else state)


def test_a_copy_that_was_stolen_too_is_retired(anna: Any) -> None:
    mine = anna.certified()
    backup = _add(anna, mine, B.REGISTERED)
    done = anna.report(mine, "malfunction", backup_stolen_too=True).json()
    assert done["retired_backups"] == [backup]


def test_a_retired_backups_recovery_key_is_nowhere_on_disk(anna: Any) -> None:
    mine = anna.certified()
    backup = _add(anna, mine, B.REGISTERED)
    folder = anna.authority.home.folder

    def found() -> list[str]:
        return [
            path.name
            for path in folder.glob("authority.sqlite*")
            if b"RECOVERY-KEY-" in path.read_bytes()
        ]

    assert found()
    assert anna.cancel(mine, by=mine, reason="ceased").status_code == 201
    with anna.authority.db.transaction() as tx:
        row = tx.get_one(Backup, backup)
        assert (row.recovery_key_sealed, row.pin_public_key, row.retired_why) == (
            None,
            None,
            "ceased",
        )
    assert found() == []


def test_a_successors_key_is_refused_everywhere(anna: Any, bruno: Any) -> None:
    mine = anna.certified()
    with anna.authority.db.transaction() as tx:
        key = tx.scalars(select(PublicKey)).one()
        key.successor_of = "0" * 32
    assert anna.cancel(mine, by=mine).status_code == 201
    answer = anna.send(anna.csr(mine[0]))
    assert (answer.status_code, answer.json()["code"]) == (409, "key_is_successor")
    answer = bruno.send(bruno.csr(mine[0]))
    assert (answer.status_code, answer.json()["code"]) == (409, "key_of_another")
