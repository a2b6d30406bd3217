"""A folder that somebody else has, and what had come out of it before anybody said so."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from custode_authority.wire.reasons import CrlReason, Reason
from custode_authority.wire.rome import day_in_rome
from custode_authority.wire.states import BackupState, CertificateState

if TYPE_CHECKING:
    from tests.integration.authority.backups.conftest import Counter, Folder, Original, Person


@pytest.fixture
def original(person: Person) -> Original:
    return person.original()


def collected(person: Person, original: Original, folder: Folder) -> Original:
    """Report, ask, collect: the successor as memory holds it, on no token yet."""
    person.report(original, Reason.MALFUNCTION)
    assert person.outcome(person.activate(folder, reason=Reason.MALFUNCTION)) == "ok"
    return person.successor(folder, person.collected(folder))


@pytest.mark.parametrize("reason", [Reason.THEFT, Reason.LOST, Reason.MALFUNCTION])
def test_a_collected_successor_ends_with_its_stolen_folder(
    person: Person, original: Original, reason: Reason
) -> None:
    folder = person.backup(original)
    successor = collected(person, original, folder)
    row = person.operation(successor.fingerprint)
    done = person.report(original, reason, backup_stolen_too=True)
    assert (done.retired_backups, done.cancelled_successors) == (
        [folder.backup_id],
        [row.id_operazione],
    )
    row = person.operation(successor.fingerprint)
    assert (row.state, row.crl_reason) == (CertificateState.CANCELLED, CrlReason.KEY_COMPROMISE)
    assert person.outcome(person.collect(folder)) == "backup_retired"
    assert person.outcome(person.restore(folder, successor)) == "backup_retired"
    # What its key signs counts no more, and it is never certified again.
    assert person.outcome(person.reserve(successor)) == "not_active"
    assert person.outcome(person.enrol(successor.key)) == "key_compromised"
    again = person.report(original, reason, backup_stolen_too=True)
    assert (again.retired_backups, again.cancelled_successors) == ([], [])
    person.original()  # nobody is locked out


@pytest.mark.parametrize("state", [CertificateState.SUSPENDED, CertificateState.CANCELLED])
def test_a_successor_that_was_reported_or_cancelled_is_compromised_as_well(
    counter: Counter, person: Person, original: Original, state: CertificateState
) -> None:
    folder = person.backup(original)
    successor = collected(person, original, folder)
    if state is CertificateState.SUSPENDED:
        person.report(successor, Reason.MALFUNCTION)
    else:
        counter.cancel(successor, CrlReason.SUPERSEDED)
    done = person.report(original, Reason.MALFUNCTION, backup_stolen_too=True)
    assert bool(done.cancelled_successors) is (state is CertificateState.SUSPENDED)
    assert person.operation(successor.fingerprint).crl_reason is CrlReason.KEY_COMPROMISE


def test_an_expired_successors_key_is_never_certified_again(
    counter: Counter, person: Person, original: Original
) -> None:
    folder = person.backup(original)
    successor = collected(person, original, folder)
    counter.clock.forward(days=31)
    done = person.report(original, Reason.THEFT, backup_stolen_too=True)
    assert done.cancelled_successors == []
    assert person.outcome(person.enrol(successor.key)) == "key_compromised"


def test_named_by_the_successor_the_folder_ends_that_it_came_from(
    person: Person, original: Original
) -> None:
    folder = person.backup(original)
    successor = collected(person, original, folder)
    done = person.report(successor, Reason.LOST, backup_stolen_too=True)
    assert (done.state, done.crl_reason) == (CertificateState.CANCELLED, CrlReason.KEY_COMPROMISE)
    assert done.retired_backups == [folder.backup_id]


def test_a_backup_of_a_stolen_successor_ends_as_well(person: Person, original: Original) -> None:
    """Whoever has its key can have registered one of his own."""
    folder = person.backup(original)
    second = person.backup(collected(person, original, folder))
    done = person.report(original, Reason.THEFT, backup_stolen_too=True)
    assert done.retired_backups == [folder.backup_id, second.backup_id]


def test_and_so_does_what_came_out_of_that_one(person: Person, original: Original) -> None:
    folder = person.backup(original)
    successor = collected(person, original, folder)
    second = person.backup(successor)
    third = collected(person, successor, second)
    assert person.view(folder).retired_why == "replaced"  # by the third
    done = person.report(original, Reason.THEFT, backup_stolen_too=True)
    assert done.retired_backups == [second.backup_id]
    assert person.operation(third.fingerprint).crl_reason is CrlReason.KEY_COMPROMISE


def test_retired_by_its_owner_first(person: Person, original: Original) -> None:
    folder = person.backup(original)
    successor = collected(person, original, folder)
    assert person.outcome(person.retire(folder, successor)) == "ok"
    assert person.operation(successor.fingerprint).state is CertificateState.ACTIVE
    done = person.report(original, Reason.THEFT, backup_stolen_too=True)
    assert done.retired_backups == []
    assert person.operation(successor.fingerprint).state is CertificateState.CANCELLED


def test_a_restored_successor_stays(person: Person, original: Original) -> None:
    """Its key is on a token of its owner's, and the folder was dead before it was stolen."""
    folder = person.backup(original)
    successor = collected(person, original, folder)
    assert person.outcome(person.restore(folder, successor)) == "ok"
    done = person.report(original, Reason.THEFT, backup_stolen_too=True)
    assert (done.retired_backups, done.cancelled_successors) == ([], [])
    assert person.operation(successor.fingerprint).state is CertificateState.ACTIVE


def test_without_a_word_of_the_folder_the_successor_stays(
    person: Person, original: Original
) -> None:
    folder = person.backup(original)
    successor = collected(person, original, folder)
    done = person.report(original, Reason.THEFT)
    assert done.cancelled_successors == []
    assert person.view(folder).state is BackupState.COLLECTED
    assert person.operation(successor.fingerprint).state is CertificateState.ACTIVE


def test_what_a_thief_registered_and_collected_ends_with_the_report(
    counter: Counter, person: Person, original: Original
) -> None:
    """Registered after the token was last held: not its owner's, and so no more its successor."""
    held = day_in_rome(counter.clock.now())
    early = person.backup(original)
    counter.clock.forward(days=2)
    late = person.backup(original)
    successor = collected(person, original, late)
    kept = person.report(original, Reason.LOST, last_held=held + timedelta(days=2))
    assert (kept.retired_backups, kept.cancelled_successors) == ([], [])
    row = person.operation(successor.fingerprint)
    done = person.report(original, Reason.LOST, last_held=held)
    assert done.cancelled_successors == [row.id_operazione]
    assert person.operation(successor.fingerprint).crl_reason is CrlReason.KEY_COMPROMISE
    # The owner's own went when the thief's was collected (rule 6).
    assert (done.retired_backups, person.view(early).retired_why) == ([late.backup_id], "replaced")
