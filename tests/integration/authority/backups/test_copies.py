"""A copy of the original's own key: alive again after a fault, never after a loss or a theft."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from custode_authority.wire.reasons import CrlReason, Reason
from custode_authority.wire.states import BackupKind, BackupState

if TYPE_CHECKING:
    from tests.integration.authority.backups.conftest import Counter, Folder, Original, Person


def copy_of(person: Person, original: Original) -> Folder:
    """A registered copy: its key is the original's own."""
    return person.backup(original, kind=BackupKind.COPY, successor=original.key)


@pytest.fixture(autouse=True)
def policy(counter: Counter) -> None:
    counter.set_policy(activation="automatic", activation_wait_s=0)


def test_a_fault_supersedes_the_old_certificate_and_issues_one_for_the_same_key(
    counter: Counter, person: Person
) -> None:
    original = person.original()
    copy, other = copy_of(person, original), copy_of(person, original)
    beside = person.backup(original)
    assert person.view(copy).kind is BackupKind.COPY
    assert person.outcome(person.activate(copy, reason=Reason.MALFUNCTION)) == "original_active"
    person.report(original, Reason.MALFUNCTION)
    assert person.outcome(person.activate(copy, reason=Reason.MALFUNCTION)) == "ok"
    collection = person.collected(copy)

    ended = person.operation(original.fingerprint)
    assert (ended.state, ended.crl_reason) == ("cancelled", CrlReason.SUPERSEDED)
    new = person.successor(copy, collection)
    assert person.operation(new.fingerprint).state == "active"
    issued = x509.load_der_x509_certificate(collection.certificate)
    assert issued.public_key() == original.key.public_key()
    assert new.fingerprint != original.fingerprint
    for dead in (other, beside):
        assert person.view(dead).state is BackupState.RETIRED
    assert person.outcome(person.restore(copy, new)) == "ok"
    assert counter.row(copy).recovery_key_sealed is None


@pytest.mark.parametrize("reason", [Reason.LOST, Reason.THEFT])
def test_loss_and_theft_retire_it(counter: Counter, person: Person, reason: Reason) -> None:
    original = person.original()
    other = person.original(signer=original)
    copy, beside, not_its = (
        copy_of(person, original),
        person.backup(original),
        copy_of(person, other),
    )
    told = person.report(original, reason)
    assert told.retired_backups == [copy.backup_id]
    assert counter.row(copy).recovery_key_sealed is None
    assert person.outcome(person.activate(copy, reason=reason)) == "copy_refused"
    answer = person.outcome(person.activate(copy, reason=Reason.MALFUNCTION))
    assert answer == ("backup_retired" if reason is Reason.LOST else "copy_refused")
    # A successor stays what it was made for, and so does what has another key.
    assert person.outcome(person.activate(beside, reason=reason)) == "ok"
    assert person.view(not_its).state is BackupState.REGISTERED


@pytest.mark.parametrize("reason", [Reason.LOST, Reason.THEFT])
def test_loss_and_theft_are_no_reasons_and_no_try_is_spent(person: Person, reason: Reason) -> None:
    original = person.original()
    copy = copy_of(person, original)
    person.report(original, Reason.MALFUNCTION)
    assert (
        person.outcome(person.activate(copy, pin=Ed25519PrivateKey.generate(), reason=reason))
        == "copy_refused"
    )
    assert person.view(copy).tries_remaining == 5
    assert person.view(copy).state is BackupState.REGISTERED
    assert person.outcome(person.activate(copy, reason=Reason.MALFUNCTION)) == "ok"


def test_a_loss_reported_between_approval_and_collection(person: Person) -> None:
    original = person.original()
    copy = copy_of(person, original)
    person.report(original, Reason.MALFUNCTION)
    assert person.outcome(person.activate(copy, reason=Reason.MALFUNCTION)) == "ok"
    person.report(original, Reason.LOST)
    assert person.outcome(person.collect(copy)) == "backup_retired"


def test_a_key_that_was_compromised_is_not_brought_to_life(
    counter: Counter, person: Person
) -> None:
    original = person.original()
    copy = copy_of(person, original)
    counter.cancel(original, CrlReason.KEY_COMPROMISE)
    assert person.view(copy).state is BackupState.RETIRED
    assert person.outcome(person.activate(copy, reason=Reason.MALFUNCTION)) == "copy_refused"


def test_what_came_out_of_it_ends_with_its_key(person: Person) -> None:
    """The broken token turns out to be stolen: it has the very key of the new certificate."""
    original = person.original()
    copy = copy_of(person, original)
    person.report(original, Reason.MALFUNCTION)
    person.activate(copy, reason=Reason.MALFUNCTION)
    new = person.successor(copy, person.collected(copy))
    assert person.outcome(person.restore(copy, new)) == "ok"
    told = person.report(original, Reason.THEFT)
    assert told.cancelled_successors == [person.operation(new.fingerprint).id_operazione]
    for certificate in (original, new):
        row = person.operation(certificate.fingerprint)
        assert (row.state, row.crl_reason) == ("cancelled", CrlReason.KEY_COMPROMISE)
    assert person.outcome(person.enrol(original.key)) == "key_compromised"


def test_it_is_of_the_originals_own_key_and_of_no_other(person: Person) -> None:
    original = person.original()
    other = person.original(signer=original)
    for key in (other.key, person.folder(original).successor):
        folder = person.folder(original, kind=BackupKind.COPY, successor=key)
        assert person.outcome(person.confirm(folder, original)) == "csr_key"
    # And a successor is never of the original's own.
    folder = person.folder(original, successor=original.key)
    assert person.outcome(person.confirm(folder, original)) == "csr_key"


def test_renewal_and_reissue_retire_it(person: Person) -> None:
    original = person.original()
    copy = copy_of(person, original)
    renewed = person.original(signer=original, path="simplereenroll")
    assert person.view(copy).state is BackupState.RETIRED
    second = copy_of(person, renewed)
    assert person.outcome(person.reissue(renewed)) == "ok"
    assert person.view(second).state is BackupState.RETIRED


def test_wrong_pins_are_counted_as_ever(person: Person) -> None:
    original = person.original()
    copy = copy_of(person, original)
    person.report(original, Reason.MALFUNCTION)
    for left in range(4, -1, -1):
        refused = person.activate(copy, pin=Ed25519PrivateKey.generate(), reason=Reason.MALFUNCTION)
        assert person.outcome(refused) == ("wrong_backup_pin" if left else "backup_locked")
    assert person.outcome(person.activate(copy, reason=Reason.MALFUNCTION)) == "backup_locked"
