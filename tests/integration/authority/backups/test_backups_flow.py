"""A backup's whole life at the counter, and what its collection leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from custode_authority.wire import cms, reseal
from custode_authority.wire.messages import BackupView, Collection, GrantStatement
from custode_authority.wire.reasons import CrlReason, Reason
from custode_authority.wire.states import BackupState, CertificateState

if TYPE_CHECKING:
    from tests.integration.authority.backups.conftest import Counter, Folder, Original, Person


def _collected(person: Person) -> tuple[Original, Folder, Collection]:
    original = person.original()
    folder = person.backup(original)
    person.report(original)
    assert person.outcome(person.activate(folder)) == "ok"
    return original, folder, person.collected(folder)


def test_from_reservation_to_restoration(counter: Counter, person: Person) -> None:
    original = person.original()
    folder = person.backup(original)
    assert person.view(folder).state is BackupState.REGISTERED
    assert person.outcome(person.enrol(folder.successor, original)) == "key_is_successor"
    person.report(original)

    requested = person.read(person.activate(folder), BackupView)
    assert requested.state is BackupState.APPROVED
    assert requested.tries_remaining == 5
    assert len(person.operations()) == 1  # no certificate for the successor yet

    ephemeral = X25519PrivateKey.generate()
    nonce = person.nonce("backup.collect")
    collection = person.read(person.collect(folder, ephemeral, nonce=nonce), Collection)
    opened = reseal.open_sealed(collection.sealed_key, ephemeral, collection.grant)
    assert opened == folder.content_key

    ca = counter.authority.keys.ca_certificate
    signed = cms.verify_chained(collection.grant, ca, counter.clock.now())
    grant = msgspec.json.decode(signed.content, type=GrantStatement)
    successor = person.successor(folder, collection)
    ended = person.operation(original.fingerprint)
    assert ended.state is CertificateState.CANCELLED
    assert grant == GrantStatement(
        backup_id=folder.backup_id,
        container_sha256=folder.container_sha256,
        original_sha256=original.fingerprint,
        original_serial_number=original.serial_number,
        original_cancelled_at=ended.cancelled_at or counter.clock.now(),
        crl_reason=CrlReason.KEY_COMPROMISE,
        successor_sha256=successor.fingerprint,
        ephemeral_public_key=ephemeral.public_key().public_bytes_raw(),
        nonce=nonce,
        at=counter.clock.now(),
    )
    issued = x509.load_der_x509_certificate(collection.certificate)
    assert issued.public_key() == folder.successor.public_key()
    assert person.operation(successor.fingerprint).state is CertificateState.ACTIVE

    done = person.read(person.restore(folder, successor), BackupView)
    assert done.state is BackupState.RESTORED
    assert person.outcome(person.restore(folder, successor)) == "ok"  # a lost answer
    assert person.outcome(person.collect(folder)) == "already_activated"
    assert person.outcome(person.activate(folder)) == "already_activated"
    # the successor is an original now: it can be backed up in its turn
    assert person.view(person.backup(successor)).state is BackupState.REGISTERED

    names = [name for name, _ in counter.log()]
    told = [name for name in names if name.startswith("backup.")]
    assert told[:7] == [
        "backup.reserved",
        "backup.registered",
        "backup.requested",
        "backup.approved",
        "backup.collected",
        "backup.granted",
        "backup.restored",
    ]


def test_rsa_original_has_an_rsa_successor(person: Person) -> None:
    original = person.original(rsa.generate_private_key(65537, 2048))
    folder = person.backup(original, successor=rsa.generate_private_key(65537, 2048))
    person.report(original)
    person.activate(folder)
    collection = person.collected(folder)
    successor = person.successor(folder, collection)
    assert person.outcome(person.restore(folder, successor)) == "ok"


def test_collecting_again_gives_the_same_certificate(counter: Counter, person: Person) -> None:
    original, folder, first = _collected(person)
    before = person.operation(original.fingerprint)
    counter.clock.forward(days=8)  # the approval is over: what is collected is not
    ephemeral = X25519PrivateKey.generate()
    second = person.read(person.collect(folder, ephemeral), Collection)
    assert second.certificate == first.certificate
    assert second.grant != first.grant
    opened = reseal.open_sealed(second.sealed_key, ephemeral, second.grant)
    assert opened == folder.content_key
    with pytest.raises(reseal.UnsealFailed):
        reseal.open_sealed(second.sealed_key, ephemeral, first.grant)
    assert len(person.operations()) == 2
    assert person.operation(original.fingerprint) == before


def test_every_other_backup_of_the_original_dies(counter: Counter, person: Person) -> None:
    original = person.original()
    first, second = person.backup(original), person.backup(original)
    reserved = person.folder(original)
    person.report(original)
    assert person.outcome(person.activate(second)) == "ok"
    assert person.outcome(person.activate(first)) == "ok"
    person.collected(first)
    assert person.view(second).state is BackupState.RETIRED
    assert person.view(reserved).state is BackupState.RETIRED
    assert person.outcome(person.collect(second)) == "backup_retired"
    assert person.outcome(person.activate(second)) == "backup_retired"
    assert counter.row(second).recovery_key_sealed is None
    assert counter.row(first).recovery_key_sealed is not None


@pytest.mark.parametrize(
    ("reported", "destroyed", "asked", "expected"),
    [
        (Reason.LOST, False, Reason.LOST, CrlReason.KEY_COMPROMISE),
        (Reason.LOST, True, Reason.LOST, CrlReason.SUPERSEDED),
        (Reason.LOST, True, Reason.THEFT, CrlReason.KEY_COMPROMISE),
        (Reason.THEFT, False, Reason.THEFT, CrlReason.KEY_COMPROMISE),
        (Reason.MALFUNCTION, False, Reason.MALFUNCTION, CrlReason.SUPERSEDED),
        (Reason.MALFUNCTION, False, Reason.LOST, CrlReason.KEY_COMPROMISE),
    ],
)
def test_the_original_ends_for_its_reason(
    person: Person, reported: Reason, destroyed: bool, asked: Reason, expected: CrlReason
) -> None:
    original = person.original()
    folder = person.backup(original)
    person.report(original, reported, destroyed_for_certain=destroyed)
    assert person.outcome(person.activate(folder, reason=asked)) == "ok"
    person.collected(folder)
    ended = person.operation(original.fingerprint)
    assert (ended.state, ended.crl_reason) == (CertificateState.CANCELLED, expected)


@pytest.mark.parametrize(
    ("recorded", "asked", "expected"),
    [
        (CrlReason.SUPERSEDED, Reason.LOST, CrlReason.KEY_COMPROMISE),
        (CrlReason.UNSPECIFIED, Reason.MALFUNCTION, CrlReason.UNSPECIFIED),
        (CrlReason.KEY_COMPROMISE, Reason.MALFUNCTION, CrlReason.KEY_COMPROMISE),
    ],
)
def test_a_cancelled_original_keeps_its_reason_or_a_graver_one(
    counter: Counter, person: Person, recorded: CrlReason, asked: Reason, expected: CrlReason
) -> None:
    original = person.original()
    folder = person.backup(original)
    counter.cancel(original, recorded)
    cancelled_at = person.operation(original.fingerprint).cancelled_at
    counter.clock.forward(hours=1)
    assert person.outcome(person.activate(folder, reason=asked)) == "ok"
    person.collected(folder)
    ended = person.operation(original.fingerprint)
    assert (ended.crl_reason, ended.cancelled_at) == (expected, cancelled_at)


def test_an_expired_original_counts_as_ended(counter: Counter, person: Person) -> None:
    original = person.original()
    folder = person.backup(original)
    counter.clock.forward(days=31)
    assert person.outcome(person.activate(folder, reason=Reason.MALFUNCTION)) == "ok"
    collection = person.collected(folder)
    ca = counter.authority.keys.ca_certificate
    signed = cms.verify_chained(collection.grant, ca, counter.clock.now())
    grant = msgspec.json.decode(signed.content, type=GrantStatement)
    ended = person.operation(original.fingerprint)
    assert ended.state is CertificateState.EXPIRED
    assert grant.original_cancelled_at == ended.expires_at
    assert grant.crl_reason is CrlReason.SUPERSEDED


def test_lost_and_expired_its_key_is_never_certified_again(
    counter: Counter, person: Person
) -> None:
    original = person.original()
    folder = person.backup(original)
    counter.clock.forward(days=31)
    person.activate(folder)
    successor = person.successor(folder, person.collected(folder))
    assert person.outcome(person.enrol(original.key, successor)) == "key_compromised"


def test_secrets_are_destroyed_by_the_restoration(counter: Counter, person: Person) -> None:
    _, folder, collection = _collected(person)
    sealed = counter.row(folder).recovery_key_sealed
    assert sealed
    database = counter.authority.home.database
    files = [database, database.with_name(database.name + "-wal")]
    assert any(sealed in file.read_bytes() for file in files)  # the search finds what is there
    person.restore(folder, person.successor(folder, collection))
    row = counter.row(folder)
    assert row.recovery_key_sealed is None
    assert row.pin_public_key is None
    assert not any(sealed in file.read_bytes() for file in files if file.exists())
    assert not any(sealed[12:44] in file.read_bytes() for file in files if file.exists())


def test_nothing_of_the_secret_is_in_the_log(counter: Counter, person: Person) -> None:
    _, folder, collection = _collected(person)
    text = repr(counter.log())
    for secret in (folder.content_key, collection.sealed_key):
        assert secret.hex() not in text
    public = folder.pin.public_key().public_bytes_raw()
    assert public.hex() not in text
