"""Attacks with folders: copies of one, several agents, old ones, one used twice (backup.md)."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest
from sqlalchemy import select
from tests.integration.authority.backups.conftest import Folder, p256

from custode_authority.storage.tables import Certificate
from custode_authority.wire.messages import Collection
from custode_authority.wire.reasons import Reason
from custode_authority.wire.states import BackupState, CertificateState

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.authority.backups.conftest import Counter, Original, Person

LIVING: Final = {CertificateState.ACTIVE, CertificateState.SUSPENDED}


def _living(counter: Counter) -> list[str]:
    with counter.authority.db.transaction() as tx:
        return list(
            tx.scalars(select(Certificate.fingerprint_sha256).where(Certificate.state.in_(LIVING)))
        )


def _lost(person: Person) -> tuple[Original, Folder]:
    original = person.original()
    folder = person.backup(original)
    person.report(original)
    return original, folder


def test_two_agents_collect_the_same_folder_at_once(counter: Counter, person: Person) -> None:
    """Both belong to the account and know the PIN: one certificate comes of it."""
    _, folder = _lost(person)
    assert person.outcome(person.activate(folder)) == "ok"
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: person.collect(folder), range(2)))
    # The second one's nonce may have died with the first one's grant: asked again it is let in.
    assert {person.outcome(one) for one in answers} <= {"ok", "nonce_invalid"}
    got = [person.read(one, Collection) for one in answers if one.status_code < 400]
    got.append(person.collected(folder))
    assert len({one.certificate for one in got}) == 1
    assert len(_living(counter)) == 1


def test_two_copies_of_a_folder_open_one_certificate(counter: Counter, person: Person) -> None:
    _, folder = _lost(person)
    copy = replace(folder)
    assert person.outcome(person.activate(copy)) == "ok"
    assert person.outcome(person.activate(folder)) == "ok"  # the same request, not a second one
    first = person.collected(folder)
    successor = person.successor(folder, first)
    assert person.outcome(person.restore(folder, successor)) == "ok"
    assert person.outcome(person.collect(copy)) == "already_activated"
    assert person.outcome(person.activate(copy)) == "already_activated"
    assert _living(counter) == [successor.fingerprint]


def test_a_second_folder_after_activation_is_dead(counter: Counter, person: Person) -> None:
    original = person.original()
    first, second = person.backup(original), person.backup(original)
    person.report(original)
    for folder in (first, second):
        assert person.outcome(person.activate(folder)) == "ok"
    person.collected(first)
    for call in (person.activate, person.collect):
        assert person.outcome(call(second)) == "backup_retired"
    row = counter.row(second)
    assert (row.recovery_key_sealed, row.pin_public_key) == (None, None)
    assert len(_living(counter)) == 1


def _renewed(person: Person, original: Original) -> None:
    key = p256()
    assert person.enrol(key, original, path="simplereenroll").status_code == 200


def _reissued(person: Person, original: Original) -> None:
    assert person.outcome(person.reissue(original)) == "ok"
    person.original()


def _asked_anew(person: Person, original: Original) -> None:
    person.report(original, Reason.THEFT)
    person.original()


@pytest.mark.parametrize("replaced", [_renewed, _reissued, _asked_anew], ids=lambda f: f.__name__)
def test_an_old_folder_after_renewal_reissue_or_new_request(
    counter: Counter, person: Person, replaced: Callable[[Person, Original], None]
) -> None:
    original = person.original()
    folder = person.backup(original)
    replaced(person, original)
    if person.operation(original.fingerprint).state is CertificateState.ACTIVE:
        person.report(original)
    assert person.outcome(person.activate(folder)) == "backup_retired"
    assert person.outcome(person.collect(folder)) == "backup_retired"
    assert counter.row(folder).recovery_key_sealed is None


def test_a_second_restore(counter: Counter, person: Person) -> None:
    """The folder has done its work: no token more gets the key, nor is it confirmed twice."""
    _, folder = _lost(person)
    person.activate(folder)
    successor = person.successor(folder, person.collected(folder))
    assert person.outcome(person.restore(folder, successor)) == "ok"
    again = person.restore(folder, successor)
    assert person.outcome(again) == "ok"  # a lost answer: told again, nothing is done
    assert person.outcome(person.collect(folder)) == "already_activated"
    assert counter.row(folder).recovery_key_sealed is None
    assert [name for name, _ in counter.log()].count("backup.restored") == 1


def test_a_lost_machine_between_approval_collection_and_confirmation(
    counter: Counter, person: Person
) -> None:
    """Another computer with account, folder and PIN goes on wherever the first one was lost."""
    _, folder = _lost(person)
    assert person.outcome(person.activate(folder)) == "ok"  # lost after the approval
    second = counter.person()
    first_answer = second.collected(folder)  # lost with this answer
    third = counter.person()
    answer = third.collected(folder)
    assert answer.certificate == first_answer.certificate
    successor = third.successor(folder, answer)  # lost after the import, before confirming
    fourth = counter.person()
    assert fourth.outcome(fourth.restore(folder, successor)) == "ok"
    assert _living(counter) == [successor.fingerprint]
    stranger = counter.person("XYZ789")
    assert stranger.outcome(stranger.collect(folder)) == "not_found"


def test_a_thief_registers_a_successor_of_his_own(counter: Counter, person: Person) -> None:
    """He had the unlocked token for a while; the owner says when it was last surely held."""
    original = person.original()
    mine = person.backup(original)
    counter.clock.forward(days=2)
    his = person.backup(original)
    today = counter.clock.now().date()
    told = person.report(original, last_held=today - timedelta(days=1))
    assert told.retired_backups == [his.backup_id]
    assert person.outcome(person.activate(his)) == "backup_retired"
    assert person.view(mine).state is BackupState.REGISTERED
    assert person.outcome(person.activate(mine)) == "ok"
    person.collected(mine)


def test_a_swapped_container_is_not_let_in(person: Person) -> None:
    """A folder with this backup's name and another content: refused, and no try is spent."""
    _, folder = _lost(person)
    swapped = replace(folder, container_sha256=secrets.token_hex(32))
    assert person.outcome(person.activate(swapped)) == "container_mismatch"
    assert person.outcome(person.activate(folder)) == "ok"
    assert person.outcome(person.collect(swapped)) == "container_mismatch"
    assert person.view(folder).tries_remaining == 5
