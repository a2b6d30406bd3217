"""A successor on a spare token: registered, activated and collected by its own key, and no other.

What its tables refuse is in `tests/unit/escrow`; here every refusal comes over HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from tests.integration.authority.backups.conftest import Folder
from tests.integration.authority.backups.spares import (
    Spare,
    fingerprint_of,
    new_key,
    registered,
    request_of,
    reserve,
    spki_sha256,
)

from custode_authority.storage.tables import Backup
from custode_authority.wire import cms
from custode_authority.wire.messages import BackupView, ReserveRequest, RetireRequest
from custode_authority.wire.reasons import Reason
from custode_authority.wire.spare_messages import SpareGrantStatement
from custode_authority.wire.states import BackupKind, BackupPlace, BackupState

if TYPE_CHECKING:
    from tests.integration.authority.backups.conftest import Counter, Person

STEPS: Final = ("activation", "collection")


def test_from_the_registration_to_the_new_original(counter: Counter, person: Person) -> None:
    original = person.original()
    folder, spare = person.backup(original), registered(person, original)
    view = spare.view()
    assert (view.kind, view.place, view.state) == ("successor", "token", "registered")
    assert view.successor_key_sha256 == spki_sha256(spare.key)
    assert (view.container_sha256, view.tries_remaining) == (None, 5)
    with counter.authority.db.transaction() as tx:
        row = tx.get_one(Backup, spare.backup_id)
        secrets = (row.recovery_public_key, row.recovery_key_sealed, row.pin_public_key)
        assert secrets == (None, None, None)
    assert len(person.operations()) == 1  # no certificate exists for it

    for ask in (spare.activate, spare.collect):
        assert person.outcome(ask()) == "original_active"
    person.report(original)
    assert person.outcome(spare.collect()) == "not_approved"
    assert person.read(spare.activate(), BackupView).state is BackupState.APPROVED
    collected = spare.collected()
    certificate = x509.load_der_x509_certificate(collected.certificate)
    assert certificate.public_key() == spare.key.public_key()
    content = cms.verify_chained(
        collected.grant, counter.authority.keys.ca_certificate, counter.clock.now()
    ).content
    grant = msgspec.json.decode(content, type=SpareGrantStatement)
    assert (grant.backup_id, grant.original_sha256) == (spare.backup_id, original.fingerprint)
    assert grant.successor_key_sha256 == spki_sha256(spare.key)
    assert grant.successor_sha256 == fingerprint_of(collected.certificate)
    ended = person.operation(original.fingerprint)
    assert (ended.state, ended.crl_reason) == ("cancelled", "keyCompromise")
    assert person.view(folder).state is BackupState.RETIRED

    # Lost answers: again until it is confirmed, and nothing is issued a second time.
    assert spare.collected().certificate == collected.certificate
    assert person.outcome(spare.activate()) == "already_activated"
    successor = fingerprint_of(collected.certificate)
    assert person.outcome(spare.restored(successor, by=original.key)) == "signature_invalid"
    assert person.outcome(spare.restored(successor)) == "ok"
    assert spare.view().state is BackupState.RESTORED
    for ask in (spare.activate, spare.collect):
        assert person.outcome(ask()) == "already_activated"
    assert sorted(row.state for row in person.operations()) == ["active", "cancelled"]


def test_only_original_and_successor_together_register(counter: Counter, person: Person) -> None:
    original, other = person.original(), counter.person("XYZ789")
    theirs = other.original()
    spare = reserve(person, original)
    message = spare.confirmation()
    for changes, code in [
        ({"by": None}, "signature_required"),
        ({"by": spare.key}, "signature_invalid"),  # the successor registers itself
        ({"by": theirs.key}, "signature_invalid"),
        ({"successor": None}, "signature_required"),
        ({"successor": original.key}, "signature_invalid"),  # the original possesses no such key
        ({"successor": new_key()}, "signature_invalid"),
    ]:
        answer = spare.confirm(original, message=message, **changes)
        assert person.outcome(answer) == code, changes
        assert spare.view().state is BackupState.RESERVED
    assert person.outcome(spare.confirm(original, message=message)) == "ok"  # the nonce is unspent
    assert person.outcome(spare.confirm(original, message=message)) == "ok"  # an answer got lost
    another = spare.confirm(original, successor_csr=request_of(new_key(), person.tax_code))
    assert person.outcome(another) == "backup_state"


@pytest.mark.parametrize(
    ("key", "name", "code"),
    [
        (ec.generate_private_key(ec.SECP384R1()), None, "csr_key"),  # not of the original's kind
        (None, "VRDLGI70A01F205F", "csr_subject"),
    ],
)
def test_what_is_not_like_the_original_is_not_registered(
    key: Any, name: str | None, code: str, person: Person
) -> None:
    original = person.original()
    spare = reserve(person, original, key=key or new_key())
    csr = request_of(spare.key, name or person.tax_code)
    assert person.outcome(spare.confirm(original, successor_csr=csr)) == code
    assert spare.view().state is BackupState.RESERVED


def test_a_registered_key_is_refused_by_every_enrolment(counter: Counter, person: Person) -> None:
    """Sent to simpleenroll by its owner, by somebody else, signed or not: until its grant."""
    original, other = person.original(), counter.person("XYZ789")
    spare = registered(person, original)
    assert person.outcome(person.enrol(spare.key)) == "key_is_successor"
    assert person.outcome(person.enrol(spare.key, original)) == "key_is_successor"
    renewal = person.enrol(spare.key, original, path="simplereenroll")
    assert person.outcome(renewal) == "key_is_successor"
    assert other.outcome(other.enrol(spare.key)) == "key_of_another"
    twin = reserve(person, original, key=spare.key)
    assert person.outcome(twin.confirm(original)) == "key_is_successor"
    taken = reserve(person, original, key=original.key)
    assert person.outcome(taken.confirm(original)) == "csr_key"  # a successor is a fresh key


def test_a_folder_is_no_spare_and_a_spare_no_folder(person: Person) -> None:
    original = person.original()
    reserved_folder = person.folder(original)
    as_spare = Spare(person, reserved_folder.backup_id)
    assert person.outcome(as_spare.confirm(original)) == "backup_place"
    reserved_spare = reserve(person, original)
    as_folder = Folder(reserved_spare.backup_id, b"")
    assert person.outcome(person.confirm(as_folder, original)) == "backup_place"

    folder, spare = person.backup(original), registered(person, original)
    person.report(original)
    assert person.outcome(Spare(person, folder.backup_id).activate()) == "backup_place"
    person.activate(folder)
    assert person.outcome(Spare(person, folder.backup_id).collect()) == "backup_place"
    foreign = Folder(spare.backup_id, b"")
    assert person.outcome(person.activate(foreign)) == "backup_place"
    assert person.outcome(spare.activate()) == "ok"
    assert person.outcome(person.collect(foreign)) == "backup_place"
    assert spare.view().state is BackupState.APPROVED


@pytest.mark.parametrize("step", STEPS)
def test_a_request_signed_by_another_key_or_sent_twice(
    step: str, counter: Counter, person: Person
) -> None:
    original, other = person.original(), counter.person("XYZ789")
    second = person.original(signer=original)
    spare = registered(person, original)
    person.report(original)
    if step == "collection":
        assert person.outcome(spare.activate()) == "ok"
    for key in (None, original.key, second.key, new_key()):
        answer = spare.send(f"/spare/{step}", spare.message(step), by=key)
        expected = "signature_required" if key is None else "signature_invalid"
        assert person.outcome(answer) == expected
    stranger = Spare(other, spare.backup_id, spare.key)
    theirs = stranger.send(f"/spare/{step}", stranger.message(step), by=spare.key)
    assert other.outcome(theirs) == "not_found"
    # A signature for one thing serves for no other.
    swapped = spare.message("collection" if step == "activation" else "activation")
    assert person.outcome(spare.send(f"/spare/{step}", swapped, by=spare.key)) == "malformed"

    message = spare.message(step)
    assert person.outcome(spare.send(f"/spare/{step}", message, by=spare.key)) == "ok"
    replayed = person.outcome(spare.send(f"/spare/{step}", message, by=spare.key))
    assert replayed == "nonce_invalid"
    elsewhere = registered(person, second)
    assert person.outcome(elsewhere.send(f"/spare/{step}", message, by=spare.key)) == "malformed"


def test_reinstated_the_activation_is_withdrawn_and_its_request_dead(
    counter: Counter, person: Person
) -> None:
    """A request that was granted, or only signed, says nothing about a later suspension."""
    original = person.original()
    spare = registered(person, original)
    person.report(original)
    unsent = spare.message("activation")
    assert person.outcome(spare.activate()) == "ok"
    uncollected = spare.message("collection")
    counter.reinstate(original)
    assert spare.view().state is BackupState.REGISTERED
    for step in STEPS:
        again = spare.send(f"/spare/{step}", spare.message(step), by=spare.key)
        assert person.outcome(again) == "original_active"
    person.report(original)
    for path, message in (("activation", unsent), ("collection", uncollected)):
        answer = person.outcome(spare.send(f"/spare/{path}", message, by=spare.key))
        assert answer in {"nonce_invalid", "not_approved"}
    assert spare.view().state is BackupState.REGISTERED
    assert person.outcome(spare.activate()) == "ok"


def test_a_thief_registers_a_spare_of_his_own(counter: Counter, person: Person) -> None:
    """He has the token and its PIN; the owner's report ends what was made since it was held."""
    original = person.original()
    own = registered(person, original)
    counter.clock.forward(days=3)
    held = counter.clock.now().date()
    counter.clock.forward(days=2)
    his = registered(person, original)
    reserved = reserve(person, original)
    told = person.report(original, Reason.THEFT, last_held=held)
    assert set(told.retired_backups) == {his.backup_id, reserved.backup_id}
    assert person.outcome(his.activate(Reason.THEFT)) == "backup_retired"
    assert person.outcome(reserved.confirm(original)) == "backup_retired"
    assert person.outcome(person.enrol(his.key)) == "key_is_successor"
    assert person.outcome(own.activate(Reason.THEFT)) == "ok"
    assert person.outcome(own.collect()) == "ok"


def test_stolen_together_both_end(person: Person) -> None:
    original = person.original()
    spare = registered(person, original)
    told = person.report(original, Reason.THEFT, backup_stolen_too=True)
    assert told.retired_backups == [spare.backup_id]
    assert person.outcome(spare.activate(Reason.THEFT)) == "backup_retired"


def test_stolen_after_it_was_collected_its_certificate_ends(person: Person) -> None:
    original = person.original()
    spare = registered(person, original)
    person.report(original)
    spare.activate()
    certificate = spare.collected().certificate
    person.report(original, Reason.THEFT, backup_stolen_too=True)
    assert spare.view().state is BackupState.RETIRED
    row = person.operation(fingerprint_of(certificate))
    assert (row.state, row.crl_reason) == ("cancelled", "keyCompromise")
    assert person.outcome(spare.collect()) == "backup_retired"


@pytest.mark.parametrize("end", ["renewed", "reissued", "retired", "folder"])
def test_whatever_takes_the_originals_place_retires_it(end: str, person: Person) -> None:
    original = person.original()
    spare = registered(person, original)
    match end:
        case "renewed":
            person.original(signer=original, path="simplereenroll")
        case "reissued":
            assert person.outcome(person.reissue(original)) == "ok"
        case "retired":
            told = RetireRequest(nonce=person.nonce("backup.retire"), backup_id=spare.backup_id)
            assert person.outcome(spare.send("/retirement", told, by=spare.key)) == (
                "signature_invalid"  # a registered key is no active certificate
            )
            assert person.outcome(spare.send("/retirement", told, by=original.key)) == "ok"
        case _:
            folder = person.backup(original)
            person.report(original)
            person.activate(folder)
            person.collected(folder)
    assert spare.view().state is BackupState.RETIRED
    if end in {"renewed", "retired"}:
        person.report(original)
    assert person.outcome(spare.activate()) == "backup_retired"
    assert person.outcome(person.enrol(spare.key)) == "key_is_successor"


def test_a_copy_lies_in_no_token(person: Person) -> None:
    request = ReserveRequest(
        kind=BackupKind.COPY,
        original_sha256=person.original().fingerprint,
        place=BackupPlace.TOKEN,
    )
    assert person.outcome(person.post("/v1/backups", request)) == "backup_place"


def test_an_abandoned_reservation_is_not_confirmed(person: Person) -> None:
    original = person.original()
    spare = reserve(person, original)
    message = spare.confirmation()
    assert person.outcome(person.post(f"{spare.path}/abandonment", b"")) == "ok"
    assert person.outcome(spare.confirm(original, message=message)) == "backup_retired"
    again = reserve(person, original, key=spare.key)  # the key itself was never registered
    assert person.outcome(again.confirm(original)) == "ok"
