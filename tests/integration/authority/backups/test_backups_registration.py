"""Reserving, confirming, retiring: who may, with what, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from custode_authority.wire.messages import BackupView
from custode_authority.wire.reasons import Reason
from custode_authority.wire.states import BackupState

if TYPE_CHECKING:
    from tests.integration.authority.backups.conftest import Counter, Person


@pytest.fixture
def other(counter: Counter) -> Person:
    return counter.person("XYZ789")


def test_reserving(counter: Counter, person: Person, other: Person) -> None:
    original = person.original()
    assert other.outcome(other.reserve(original)) == "not_found"
    assert person.outcome(person.reserve(original)) == "ok"
    person.report(original, Reason.MALFUNCTION)
    assert person.outcome(person.reserve(original)) == "not_active"
    assert len(person.get("/v1/backups", list[BackupView])) == 1
    assert other.get("/v1/backups", list[BackupView]) == []


def test_what_was_renewed_is_not_backed_up(counter: Counter, person: Person) -> None:
    """Activated, its successor would live beside the certificate that was issued in its place."""
    original = person.original()
    further = person.original(signer=original)
    reserved, registered = person.folder(original), person.backup(original)
    renewed = person.original(signer=original, path="simplereenroll")
    assert person.operation(original.fingerprint).state == "active"
    assert person.outcome(person.reserve(original)) == "original_renewed"
    # What was begun before ended in the transaction that issued the new one (rule 6).
    assert person.outcome(person.confirm(reserved, original)) == "backup_retired"
    person.report(original, Reason.MALFUNCTION)
    assert person.outcome(person.activate(registered)) == "backup_retired"
    for living in (further, renewed):
        assert person.outcome(person.reserve(living)) == "ok"


def test_a_reservation_that_outlived_a_renewal_is_not_confirmed(
    counter: Counter, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = person.original()
    with monkeypatch.context() as patch:
        patch.setattr("custode_authority.ca.issuer.retire_replaced", lambda *_, **__: [])
        folder = person.folder(original)
        person.original(signer=original, path="simplereenroll")
    assert person.outcome(person.confirm(folder, original)) == "original_renewed"
    assert person.view(folder).state is BackupState.RESERVED


def test_an_expired_certificate_is_not_backed_up(counter: Counter, person: Person) -> None:
    original = person.original()
    folder = person.folder(original)
    counter.clock.forward(days=31)
    assert person.outcome(person.reserve(original)) == "not_active"
    assert person.outcome(person.confirm(folder, original)) == "not_active"


def test_recovery_keys_are_each_backups_own(counter: Counter, person: Person) -> None:
    original = person.original()
    rows = [counter.row(person.folder(original)) for _ in range(3)]
    assert len({row.recovery_public_key for row in rows}) == 3
    for row in rows:
        assert row.recovery_key_sealed
        secret = counter.authority.keys.sealer.unseal(row.recovery_key_sealed, row.id)
        assert secret not in counter.authority.home.database.read_bytes()


def test_no_account_no_backups(counter: Counter, person: Person) -> None:
    folder = person.backup(person.original())
    person.api_key = "ck_unknown"
    for path in ("", f"/{folder.backup_id}"):
        answer = counter.client.get(f"/v1/backups{path}", headers={"Authorization": "Bearer x"})
        assert answer.json()["code"] == "wrong_credentials"


def test_another_account_sees_and_moves_nothing(person: Person, other: Person) -> None:
    original, theirs = person.original(), other.original()
    folder = person.folder(original)
    assert other.outcome(other.confirm(folder, theirs)) == "not_found"
    assert person.outcome(person.confirm(folder, original)) == "ok"
    assert other.outcome(other.activate(folder)) == "not_found"
    assert other.outcome(other.collect(folder)) == "not_found"
    assert other.outcome(other.restore(folder, theirs)) == "not_found"
    assert other.outcome(other.retire(folder, theirs)) == "not_found"
    assert person.view(folder).state is BackupState.REGISTERED


def test_only_the_original_confirms(person: Person, other: Person) -> None:
    original = person.original()
    second, theirs = person.original(signer=original), other.original()
    folder = person.folder(original)
    assert person.outcome(person.confirm(folder, None)) == "signature_required"
    for signer in (second, theirs):
        assert person.outcome(person.confirm(folder, signer)) == "signature_invalid"
    assert person.view(folder).state is BackupState.RESERVED
    assert person.outcome(person.confirm(folder, original)) == "ok"


def test_a_suspended_original_registers_nothing(counter: Counter, person: Person) -> None:
    original = person.original()
    folder = person.folder(original)
    person.report(original, Reason.MALFUNCTION)
    assert person.outcome(person.confirm(folder, original)) == "not_active"
    counter.reinstate(original)
    assert person.outcome(person.confirm(folder, original)) == "ok"


def test_a_nonce_lets_one_confirmation_through(person: Person) -> None:
    original = person.original()
    first, second = person.folder(original), person.folder(original)
    nonce = person.nonce("backup.confirm")
    assert person.outcome(person.confirm(first, original, nonce=nonce)) == "ok"
    assert person.outcome(person.confirm(second, original, nonce=nonce)) == "nonce_invalid"
    other_purpose = person.nonce("backup.retire")
    again = person.confirm(second, original, nonce=other_purpose)
    assert person.outcome(again) == "nonce_invalid"


def test_the_same_confirmation_again_is_answered(person: Person) -> None:
    original = person.original()
    folder = person.folder(original)
    message = person.confirmation(folder)
    path = f"/v1/backups/{folder.backup_id}/confirmation"
    first = person.read(person.signed(path, message, original), BackupView)
    assert person.read(person.signed(path, message, original), BackupView) == first
    assert person.outcome(person.signed(path, message, None)) == "signature_required"
    changed = person.confirm(folder, original, container_sha256="0" * 64)
    assert person.outcome(changed) == "backup_state"
    assert person.view(folder) == first


def test_path_and_body_name_the_same_backup(person: Person) -> None:
    original = person.original()
    first, second = person.folder(original), person.folder(original)
    path = f"/v1/backups/{second.backup_id}/confirmation"
    answer = person.signed(path, person.confirmation(first), original)
    assert person.outcome(answer) == "malformed"


@pytest.mark.parametrize("raw", [b"", b"k" * 31, b"k" * 33, bytes(32), (1).to_bytes(32, "little")])
def test_a_pin_key_that_is_none(person: Person, raw: bytes) -> None:
    original = person.original()
    folder = person.folder(original)
    assert person.outcome(person.confirm(folder, original, pin_public_key=raw)) == "malformed"
    assert person.outcome(person.confirm(folder, original)) == "ok"


def test_the_successor_is_of_the_originals_kind(person: Person) -> None:
    original = person.original()
    for key in (
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
    ):
        folder = person.folder(original, successor=key)
        assert person.outcome(person.confirm(folder, original)) == "csr_key"


def test_the_successors_request_proves_possession_and_names_the_person(
    person: Person, other: Person
) -> None:
    original = person.original()
    folder = person.folder(original)
    good = person.confirmation(folder).successor_csr
    forged = good[:-1] + bytes([good[-1] ^ 1])
    assert person.outcome(person.confirm(folder, original, successor_csr=forged)) == "csr_signature"
    theirs = other.confirmation(folder).successor_csr
    assert person.outcome(person.confirm(folder, original, successor_csr=theirs)) == "csr_subject"
    noise = person.confirm(folder, original, successor_csr=b"noise")
    assert person.outcome(noise) == "malformed"


def test_the_successor_is_a_fresh_key(person: Person, other: Person) -> None:
    original, theirs = person.original(), other.original()
    registered = person.backup(original)
    for key, expected in (
        (original.key, "csr_key"),
        (theirs.key, "key_of_another"),
        (registered.successor, "key_is_successor"),
    ):
        folder = person.folder(original, successor=key)
        assert person.outcome(person.confirm(folder, original)) == expected


def test_a_registered_successor_is_refused_by_every_enrolment(
    person: Person, other: Person
) -> None:
    original, theirs = person.original(), other.original()
    folder = person.backup(original)
    assert person.outcome(person.enrol(folder.successor, original)) == "key_is_successor"
    assert other.outcome(other.enrol(folder.successor, theirs)) == "key_of_another"
    assert person.outcome(person.retire(folder, original)) == "ok"
    # also when its backup is dead: it will never be granted
    assert person.outcome(person.enrol(folder.successor, original)) == "key_is_successor"


def test_retiring(counter: Counter, person: Person, other: Person) -> None:
    original, theirs = person.original(), other.original()
    folder, kept = person.backup(original), person.backup(original)
    assert person.outcome(person.retire(folder, None)) == "signature_required"
    assert person.outcome(person.retire(folder, theirs)) == "signature_invalid"
    done = person.read(person.retire(folder, original), BackupView)
    assert done.state is BackupState.RETIRED
    assert person.outcome(person.retire(folder, original)) == "ok"
    assert counter.row(folder).recovery_key_sealed is None
    assert person.view(kept).state is BackupState.REGISTERED
    assert len(person.operations()) == 1
    assert person.operation(original.fingerprint).state == "active"
    person.report(original)
    assert person.outcome(person.activate(folder)) == "backup_retired"
    assert person.outcome(person.retire(kept, original)) == "signature_invalid"  # suspended


def test_what_was_never_confirmed_is_given_up_by_the_account_alone(
    person: Person, counter: Counter
) -> None:
    """The agent takes a folder away only after the authority can no longer confirm it."""
    original = person.original()
    folder = person.folder(original)
    path = f"/v1/backups/{folder.backup_id}/abandonment"
    assert person.outcome(counter.person("XYZ789").post(path, b"")) == "not_found"
    given_up = person.read(person.post(path, b""), BackupView)
    assert (given_up.state, given_up.retired_why) == (BackupState.RETIRED, "never finished")
    assert person.outcome(person.post(path, b"")) == "ok"
    assert person.outcome(person.confirm(folder, original)) == "backup_retired"


def test_what_was_confirmed_is_not_given_up_by_the_account_alone(person: Person) -> None:
    original = person.original()
    folder = person.backup(original)
    path = f"/v1/backups/{folder.backup_id}/abandonment"
    assert person.outcome(person.post(path, b"")) == "backup_state"
    assert person.view(folder).state is BackupState.REGISTERED
