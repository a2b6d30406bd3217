"""Attacks on time and on requests: clocks that jump, requests that come a second time."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from tests.integration.authority.backups.conftest import csr, p256

from custode_authority.errors import Refused
from custode_authority.wire.reasons import CrlReason, Reason
from custode_authority.wire.states import BackupState, CertificateState

if TYPE_CHECKING:
    from tests.integration.authority.backups.conftest import Counter, Person


def test_clock_forward_and_back_ends_no_original(counter: Counter, person: Person) -> None:
    """Whoever turns the clock makes originals expire; put right again, they are valid to all."""
    original = person.original()
    folder = person.backup(original)
    counter.clock.forward(days=40)
    assert person.operation(original.fingerprint).state is CertificateState.EXPIRED
    assert person.outcome(person.activate(folder)) == "ok"
    counter.clock.forward(days=-39)
    assert person.outcome(person.activate(folder)) == "original_active"
    assert person.outcome(person.collect(folder)) == "original_active"
    assert person.view(folder).tries_remaining == 5
    assert person.original().fingerprint  # the owner is not locked out: a new request is taken


def test_clock_back_brings_no_approval_to_life(counter: Counter, person: Person) -> None:
    original = person.original()
    folder = person.backup(original)
    person.report(original)
    counter.set_policy(activation_wait_s=3600)
    assert person.view(folder).state is BackupState.REGISTERED
    assert person.outcome(person.activate(folder)) == "ok"
    counter.clock.forward(hours=-12)
    assert person.view(folder).state is BackupState.REQUESTED
    assert person.outcome(person.collect(folder)) == "not_approved"


def test_a_token_reinstated_during_the_wait(counter: Counter, person: Person) -> None:
    counter.set_policy(activation_wait_s=3600)
    original = person.original()
    folder = person.backup(original)
    person.report(original)
    assert person.outcome(person.activate(folder)) == "ok"
    counter.reinstate(original)
    assert person.operation(original.fingerprint).state is CertificateState.ACTIVE
    assert person.view(folder).state is BackupState.REGISTERED
    counter.clock.forward(hours=2)
    assert person.outcome(person.collect(folder)) == "original_active"
    person.report(original)  # a later suspension does not take up the earlier request
    assert person.outcome(person.collect(folder)) == "not_approved"


@pytest.mark.parametrize("ended", [Reason.THEFT, None], ids=["stolen", "active"])
def test_the_desk_reinstates_only_what_is_suspended(
    counter: Counter, person: Person, ended: Reason | None
) -> None:
    original = person.original()
    if ended is not None:
        person.report(original, ended)
    before = person.operation(original.fingerprint)
    with pytest.raises(Refused):
        counter.reinstate(original)
    assert person.operation(original.fingerprint) == before


def test_a_suspended_certificate_that_expired_is_not_reinstated(
    counter: Counter, person: Person
) -> None:
    original = person.original()
    person.report(original)
    counter.clock.forward(days=40)
    with pytest.raises(Refused):
        counter.reinstate(original)
    assert person.operation(original.fingerprint).state is CertificateState.EXPIRED


def test_a_pending_new_request_does_not_come_beside_the_activated_backup(
    counter: Counter, person: Person
) -> None:
    """Asked for with the API key alone, before the backup took the original's place."""
    original = person.original()
    folder = person.backup(original)
    counter.cancel(original, CrlReason.SUPERSEDED)
    counter.set_policy(generation_s=60)
    assert person.enrol(p256()).status_code == 202
    assert person.outcome(person.activate(folder)) == "ok"
    successor = person.successor(folder, person.collected(folder))
    counter.clock.forward(minutes=2)
    rows = {row.state for row in person.operations()}
    assert rows == {
        CertificateState.CANCELLED,
        CertificateState.ACTIVE,
        CertificateState.REJECTED,
    }
    assert person.operation(successor.fingerprint).state is CertificateState.ACTIVE


def test_a_pending_renewal_does_not_come_beside_the_activated_backup(
    counter: Counter, person: Person
) -> None:
    original = person.original()
    folder = person.backup(original)
    counter.set_policy(generation_s=60)
    assert person.enrol(p256(), original, path="simplereenroll").status_code == 202
    person.report(original, Reason.MALFUNCTION)
    assert person.outcome(person.activate(folder, reason=Reason.MALFUNCTION)) == "ok"
    successor = person.successor(folder, person.collected(folder))
    counter.clock.forward(minutes=2)
    states = sorted(row.state.value for row in person.operations())
    assert states == ["active", "cancelled", "rejected"]
    assert person.operation(successor.fingerprint).state is CertificateState.ACTIVE


def test_a_pending_request_dies_with_the_certificate_that_signed_it(
    counter: Counter, person: Person
) -> None:
    """A thief asked in time; what he signed with is cancelled before he is served."""
    original = person.original()
    folder = person.backup(original)
    counter.set_policy(generation_s=60)
    assert person.enrol(p256(), original).status_code == 202
    counter.cancel(original, CrlReason.KEY_COMPROMISE)
    counter.clock.forward(minutes=2)
    assert sorted(row.state.value for row in person.operations()) == ["cancelled", "rejected"]
    assert person.view(folder).state is BackupState.REGISTERED


def test_an_expired_original_is_renewed_by_its_backup_or_by_its_request_not_by_both(
    counter: Counter, person: Person
) -> None:
    original = person.original()
    folder = person.backup(original)
    counter.set_policy(generation_s=86_400)
    counter.clock.forward(days=29, hours=12)
    assert person.enrol(p256(), original, path="simplereenroll").status_code == 202
    counter.clock.forward(hours=13)
    assert person.operation(original.fingerprint).state is CertificateState.EXPIRED
    assert person.outcome(person.activate(folder)) == "ok"
    person.collected(folder)
    counter.clock.forward(days=1)
    states = sorted(row.state.value for row in person.operations())
    assert states == ["active", "expired", "rejected"]


def test_two_first_requests_with_the_api_key_alone_are_one_certificate(
    counter: Counter, person: Person
) -> None:
    """Rule 5: an API key alone is enough for the very first certificate only."""
    counter.set_policy(generation_s=60)
    assert {person.enrol(p256()).status_code for _ in range(2)} == {202}
    counter.clock.forward(minutes=2)
    assert sorted(row.state.value for row in person.operations()) == ["active", "rejected"]


def test_a_refused_request_sent_again_after_a_later_suspension(
    counter: Counter, person: Person
) -> None:
    """Rejected by the report of a loss; the same bytes are refused for ever."""
    original = person.original()
    counter.set_policy(generation_s=60)
    key = p256()
    body = base64.b64encode(csr(key, person.tax_code))
    assert person.enrol(key, original, body=body).status_code == 202
    person.report(original)
    assert person.outcome(person.enrol(key, body=body)) == "forbidden"
    counter.reinstate(original)
    assert person.outcome(person.enrol(key, original, body=body)) == "forbidden"
    person.report(original)
    assert person.outcome(person.enrol(key, body=body)) == "forbidden"
