"""Expiry, cancelling, the original, and whose word counts; the same for backups."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from custode.domain import backups, certificates
from custode.domain.certificates import (
    cancellable,
    days_left,
    may_cancel,
    original,
    remembered_status,
    reportable,
    state_at,
)
from custode.domain.model import (
    AuthorityStatus,
    BackupRecord,
    CertificateRecord,
    Source,
    State,
    TokenId,
)
from custode_authority.wire.reasons import Reason
from custode_authority.wire.states import BackupState, CertificateState

_C = CertificateState
LIVE = {_C.ACTIVE, _C.SUSPENDED}


@pytest.mark.parametrize("state", CertificateState)
def test_only_a_live_certificate_expires_by_itself(
    state: CertificateState, original: CertificateRecord
) -> None:
    record = replace(original, state=state)
    assert record.expires_at is not None
    last = record.expires_at
    assert state_at(record, last - timedelta(seconds=1)) is state
    assert state_at(record, last) is (_C.EXPIRED if state in LIVE else state)
    assert state_at(replace(record, expires_at=None), last) is state
    assert may_cancel(record, last - timedelta(seconds=1)) is (state in LIVE)
    assert not may_cancel(record, last)


@pytest.mark.parametrize(
    ("hours", "days"), [(48, 2), (47, 1), (24, 1), (23, 0), (1, 0), (0, 0), (-1, -1), (-25, -2)]
)
def test_days_left(hours: int, days: int, original: CertificateRecord, away: State) -> None:
    record = replace(original, expires_at=away.now + timedelta(hours=hours))
    assert days_left(record, away.now) == days


def test_no_date_no_days(original: CertificateRecord, away: State) -> None:
    assert days_left(replace(original, expires_at=None), away.now) is None


def among(away: State, *records: CertificateRecord) -> State:
    return replace(away, certificates={r.id_operazione: r for r in records})


def test_cancellable_is_what_is_live_oldest_first(away: State, original: CertificateRecord) -> None:
    every = [
        replace(
            original,
            id_operazione=state.value,
            state=state,
            requested_at=original.requested_at - timedelta(days=place),
        )
        for place, state in enumerate(CertificateState)
    ]
    found = cancellable(among(away, *every))
    assert [c.id_operazione for c in found] == ["suspended", "active"]
    assert cancellable(replace(away, certificates={})) == ()


def test_the_original(away: State, original: CertificateRecord) -> None:
    def chosen(*records: CertificateRecord) -> str | None:
        found = certificates.original(among(away, *records))
        return found.id_operazione if found else None

    other = TokenId("Acme", "T1", "0002")
    elsewhere = replace(
        original,
        id_operazione="OP2",
        token=other,
        requested_at=original.requested_at + timedelta(days=1),
    )
    assert chosen() is None
    assert chosen(original) == "OP1"
    assert chosen(original, elsewhere) == "OP1"  # the primary's, though it is older
    assert chosen(replace(original, state=_C.SUSPENDED), elsewhere) == "OP2"  # active first
    assert chosen(replace(elsewhere, token=original.token), original) == "OP2"  # the newest
    assert chosen(replace(original, installed=False)) is None
    assert chosen(replace(original, state=_C.EXPIRED)) == "OP1"
    for state in {_C.CANCELLED, _C.REJECTED, _C.REQUESTED, _C.GENERATING}:
        assert chosen(replace(original, state=state)) is None
    assert original_without_identity(away, original) == "OP1"


def original_without_identity(away: State, record: CertificateRecord) -> str | None:
    found = original(replace(among(away, record), identity=None))
    return found.id_operazione if found else None


def test_remembered_status(away: State, original: CertificateRecord) -> None:
    assert remembered_status(away, "a" * 64) == AuthorityStatus(
        "a" * 64, _C.ACTIVE, original.said_at, Source.REMEMBERED
    )
    assert remembered_status(away, "f" * 64) == AuthorityStatus(
        "f" * 64, None, None, Source.REMEMBERED
    )


@pytest.mark.parametrize(("old", "new"), list(product(CertificateState, repeat=2)))
def test_the_last_word_counts_but_an_end_stays(
    old: CertificateState, new: CertificateState, original: CertificateRecord
) -> None:
    before = replace(original, state=old)
    row = replace(original, state=new, token=None, key_id=None, installed=False, outcome="new")
    merged = certificates.merged(before, row)
    stays = old in {_C.CANCELLED, _C.REJECTED} and new is not old
    assert merged.state is (old if stays else new)
    assert merged.outcome == (None if stays else "new")
    assert (merged.token, merged.key_id, merged.installed) == (original.token, "01", True)


def test_a_row_takes_nothing_away(original: CertificateRecord) -> None:
    bare = replace(original, fingerprint_sha256=None, serial_number=None, certificate=None)
    assert certificates.merged(None, bare) == bare
    assert certificates.merged(original, bare) == original
    assert certificates.merged(bare, original) == original


@pytest.mark.parametrize(("old", "new"), list(product(BackupState, repeat=2)))
def test_the_last_word_on_a_backup(
    old: BackupState, new: BackupState, backup: BackupRecord
) -> None:
    before = replace(backup, state=old, folder_path="/media/stick/x")
    row = replace(backup, state=new, folder_name=None, container_sha256=None, tries_remaining=4)
    merged = backups.merged(before, row)
    stays = old in {BackupState.RESTORED, BackupState.RETIRED} and new is not old
    assert merged.state is (old if stays else new)
    assert merged.tries_remaining == (5 if stays else 4)
    assert merged.container_sha256 == backup.container_sha256
    assert (merged.folder_name, merged.folder_path) == (backup.folder_name, "/media/stick/x")
    assert backups.merged(None, row) == row


@pytest.mark.parametrize("state", BackupState)
def test_has_backup(state: BackupState, away: State, backup: BackupRecord) -> None:
    world = replace(away, backups={backup.backup_id: replace(backup, state=state)})
    standing = state.value in {"registered", "requested", "approved"}
    assert backups.has_backup(world, "a" * 64) is standing
    assert not backups.has_backup(world, "f" * 64)


def test_no_fingerprint_finds_nothing(away: State, original: CertificateRecord) -> None:
    """A request without a certificate yet is not the certificate of everybody."""
    state = among(away, replace(original, fingerprint_sha256=None))
    assert state.certificate(None) is None
    assert state.certificate("a" * 64) is None
    assert away.certificate("a" * 64) == original


def test_a_repeated_report_meets_the_same_certificate(
    original: CertificateRecord, away: State
) -> None:
    """The primary's, also once it is cancelled: never the one on another token."""
    assert away.identity is not None
    assert away.identity.primary is not None
    spare = TokenId("maker", "model", "another")
    mine = replace(original, id_operazione="1", token=away.identity.primary)
    other = replace(
        original, id_operazione="2", token=spare, requested_at=mine.requested_at + timedelta(days=1)
    )
    for state in (_C.ACTIVE, _C.SUSPENDED, _C.CANCELLED):
        told = among(away, replace(mine, state=state), other)
        assert [c.id_operazione for c in reportable(told)] == ["1"]
        assert [c.id_operazione for c in reportable(told, "2")] == ["2"]
        assert reportable(told, "3") == ()


def test_without_a_known_primary_every_live_one_could_be_meant(
    original: CertificateRecord, away: State
) -> None:
    """Another computer, a lost database: the account alone must do, but nothing is guessed."""
    assert away.identity is not None
    for identity in (replace(away.identity, primary=None), None):
        lost = replace(away, identity=identity)
        one = replace(original, id_operazione="1", token=None, installed=False)
        two = replace(one, id_operazione="2")
        gone = replace(one, id_operazione="3", state=_C.CANCELLED)
        asked = replace(one, id_operazione="4", state=_C.REQUESTED, fingerprint_sha256=None)
        assert reportable(among(lost, one, gone, asked)) == (one,)
        assert reportable(among(lost, one, two, gone)) == (one, two)
        assert reportable(among(lost, gone)) == ()


def test_why_it_was_reported_stays_until_the_desk_reinstates_it(
    original: CertificateRecord,
) -> None:
    plain = replace(original, state=CertificateState.SUSPENDED)
    told = replace(plain, reported=Reason.LOST, reported_at=plain.said_at)
    assert certificates.merged(plain, told) == told
    assert certificates.merged(told, plain) == told
    over = replace(plain, state=CertificateState.CANCELLED)
    assert certificates.merged(told, over).reported is Reason.LOST
    back = certificates.merged(told, original)
    assert (back.reported, back.reported_at) == (None, None)
