"""Activating: refused while the original lives, PIN tries counted, approval and its end."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from custode_authority.certificates import settling
from custode_authority.errors import Refused
from custode_authority.escrow.activation import approve
from custode_authority.escrow.backups import find
from custode_authority.storage.tables import Backup
from custode_authority.wire import recovery
from custode_authority.wire.messages import BackupView
from custode_authority.wire.reasons import Reason
from custode_authority.wire.states import BackupState, CertificateState

if TYPE_CHECKING:
    from tests.integration.authority.backups.conftest import Counter, Folder, Original, Person


@pytest.fixture
def wrong_pin() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def original(person: Person) -> Original:
    return person.original()


@pytest.fixture
def folder(person: Person, original: Original) -> Folder:
    return person.backup(original)


def _desk_approves(counter: Counter, folder: Folder) -> None:
    with counter.authority.db.transaction() as tx:
        now = counter.clock.now()
        account = tx.get_one(Backup, folder.backup_id).account
        settling.settle(tx, counter.authority, account, now=now)
        backup = find(tx, account, folder.backup_id)
        approve(tx, counter.authority, backup, "desk", now=now)


# --- before the PIN ---------------------------------------------------------------------------


def test_active_original_refuses_and_counts_nothing(
    person: Person, folder: Folder, wrong_pin: Ed25519PrivateKey
) -> None:
    for _ in range(7):
        assert person.outcome(person.activate(folder, wrong_pin)) == "original_active"
        assert person.outcome(person.collect(folder, pin=wrong_pin)) == "original_active"
    view = person.view(folder)
    assert (view.state, view.tries_remaining) == (BackupState.REGISTERED, 5)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"container_sha256": "0" * 64}, "container_mismatch"),
        ({"reason": Reason.MALFUNCTION}, "reason_not_allowed"),  # milder than the report
        ({"reason": Reason.OTHER}, "reason_not_allowed"),
        ({"nonce": "n" * 32}, "nonce_invalid"),
    ],
)
def test_other_refusals_are_not_counted(
    person: Person,
    original: Original,
    folder: Folder,
    wrong_pin: Ed25519PrivateKey,
    changes: dict[str, object],
    expected: str,
) -> None:
    person.report(original)
    for _ in range(6):
        assert person.outcome(person.activate(folder, wrong_pin, **changes)) == expected
    assert person.view(folder).tries_remaining == 5
    assert person.outcome(person.activate(folder)) == "ok"


def test_a_reservation_and_an_unsigned_request(person: Person, original: Original) -> None:
    reserved, folder = person.folder(original), person.backup(original)
    person.report(original, Reason.MALFUNCTION)
    assert person.outcome(person.activate(reserved)) == "backup_state"
    assert person.outcome(person.collect(folder)) == "not_approved"
    path = f"/v1/backups/{folder.backup_id}/activation"
    assert person.outcome(person.post(path, person.activation(folder))) == "signature_required"
    short = person.post(path, person.activation(folder), {"Custode-Pin-Signature": "AAAA"})
    assert person.outcome(short) == "signature_invalid"
    assert person.view(folder).tries_remaining == 5


def test_ceased_identity(counter: Counter, person: Person, original: Original) -> None:
    folder = person.backup(original)
    person.report(original)
    with counter.authority.db.transaction() as tx:
        tx.get_one(Backup, folder.backup_id).account.ceased = True
    assert person.outcome(person.activate(folder)) == "identity_ceased"


# --- the PIN ----------------------------------------------------------------------------------


def test_five_wrong_pins_in_total_lock(
    counter: Counter,
    person: Person,
    original: Original,
    folder: Folder,
    wrong_pin: Ed25519PrivateKey,
) -> None:
    person.report(original)
    for left in (4, 3):
        answer = person.activate(folder, wrong_pin)
        assert person.outcome(answer) == "wrong_backup_pin"
        assert answer.json()["data"]["tries_remaining"] == left
    assert person.outcome(person.activate(folder)) == "ok"  # a right one gives nothing back
    assert person.view(folder).tries_remaining == 3
    for _ in range(2):
        assert person.outcome(person.collect(folder, pin=wrong_pin)) == "wrong_backup_pin"
    assert person.outcome(person.collect(folder, pin=wrong_pin)) == "backup_locked"
    assert person.view(folder).state is BackupState.LOCKED
    for answer in (person.activate(folder), person.collect(folder)):
        assert person.outcome(answer) == "backup_locked"
    assert person.operation(original.fingerprint).state is CertificateState.SUSPENDED
    rejected = [name for name, _ in counter.log() if name == "backup.pin_rejected"]
    assert len(rejected) == 5


def test_a_signature_made_for_something_else_is_a_wrong_pin(
    person: Person, original: Original, folder: Folder
) -> None:
    person.report(original)
    path = f"/v1/backups/{folder.backup_id}/activation"
    message = person.activation(folder)
    other = person.activation(folder, reason=Reason.THEFT)
    headers = person.pin_header(other, folder.pin)
    assert person.outcome(person.post(path, message, headers)) == "wrong_backup_pin"
    # nor is a request for activation one for collection
    collect = f"/v1/backups/{folder.backup_id}/collection"
    assert person.outcome(person.with_pin(collect, message, folder.pin)) == "malformed"


def test_nonce_replay_is_refused_and_not_counted(
    person: Person, original: Original, folder: Folder
) -> None:
    person.report(original)
    nonce = person.nonce("backup.activate")
    assert person.outcome(person.activate(folder, nonce=nonce)) == "ok"
    assert person.outcome(person.activate(folder, nonce=nonce)) == "nonce_invalid"
    person.collected(folder)
    assert person.outcome(person.collect(folder, nonce=nonce)) == "nonce_invalid"
    assert person.view(folder).tries_remaining == 5


def test_a_stolen_request_is_dead_after_a_later_suspension(
    counter: Counter, person: Person, original: Original, folder: Folder
) -> None:
    path = f"/v1/backups/{folder.backup_id}/activation"
    stolen = person.activation(folder)
    headers = person.pin_header(stolen, folder.pin)
    assert person.outcome(person.post(path, stolen, headers)) == "original_active"
    person.report(original)
    assert person.outcome(person.post(path, stolen, headers)) == "nonce_invalid"
    unused = person.activation(folder)
    headers = person.pin_header(unused, folder.pin)
    counter.reinstate(original)
    person.report(original)
    assert person.outcome(person.post(path, unused, headers)) == "nonce_invalid"
    assert person.view(folder).state is BackupState.REGISTERED


# --- approval ---------------------------------------------------------------------------------


def test_the_desk_approves(
    counter: Counter, person: Person, original: Original, folder: Folder
) -> None:
    counter.set_policy(activation="desk")
    person.report(original)
    waiting = person.read(person.activate(folder), BackupView)
    assert waiting.state is BackupState.REQUESTED
    assert waiting.retry_after_s
    assert person.outcome(person.collect(folder)) == "not_approved"
    _desk_approves(counter, folder)
    approved = person.view(folder)
    assert approved.approved_at == counter.clock.now()
    assert approved.retry_after_s is None
    with pytest.raises(Refused, match="backup_state"):
        _desk_approves(counter, folder)
    assert person.outcome(person.collect(folder)) == "ok"


def test_the_policy_may_wait(
    counter: Counter, person: Person, original: Original, folder: Folder
) -> None:
    counter.set_policy(activation_wait_s=3600, approval_life_s=7200)
    person.report(original)
    waiting = person.read(person.activate(folder), BackupView)
    assert (waiting.state, waiting.retry_after_s) == (BackupState.REQUESTED, 3600)
    counter.clock.forward(minutes=30)
    again = person.read(person.activate(folder), BackupView)  # asking again starts no new wait
    assert again.retry_after_s == 1800
    assert person.outcome(person.collect(folder)) == "not_approved"
    counter.clock.forward(minutes=40)
    assert person.view(folder).state is BackupState.APPROVED
    assert person.outcome(person.collect(folder)) == "ok"


def test_an_approval_expires_and_is_asked_for_anew(
    counter: Counter, person: Person, original: Original, folder: Folder
) -> None:
    person.report(original)
    person.activate(folder)
    counter.clock.forward(days=8)
    assert person.outcome(person.collect(folder)) == "approval_expired"
    renewed = person.read(person.activate(folder), BackupView)
    assert renewed.requested_at == counter.clock.now()
    assert person.outcome(person.collect(folder)) == "ok"


def test_reinstatement_withdraws_what_was_approved(
    counter: Counter, person: Person, original: Original, folder: Folder
) -> None:
    person.report(original)
    person.activate(folder)
    counter.reinstate(original)
    assert person.view(folder).state is BackupState.REGISTERED
    assert person.view(folder).requested_at is None
    assert person.outcome(person.collect(folder)) == "original_active"
    counter.clock.forward(days=1)
    person.report(original, Reason.MALFUNCTION)
    assert person.outcome(person.collect(folder)) == "not_approved"
    # the loss was settled when the token was found: this time it is only broken
    assert person.outcome(person.activate(folder, reason=Reason.MALFUNCTION)) == "ok"


def test_a_graver_reason_raises_the_request(
    counter: Counter, person: Person, original: Original, folder: Folder
) -> None:
    person.report(original, Reason.MALFUNCTION)
    assert person.outcome(person.activate(folder, reason=Reason.LOST)) == "ok"
    milder = person.activate(folder, reason=Reason.MALFUNCTION)
    assert person.outcome(milder) == "reason_not_allowed"
    assert person.outcome(person.activate(folder, reason=Reason.THEFT)) == "ok"
    assert counter.row(folder).activation_reason is Reason.THEFT


# --- collection -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["noise", "empty", "another backup's", "tampered"])
def test_a_bad_recipient_info_changes_nothing(
    person: Person, original: Original, folder: Folder, kind: str
) -> None:
    other = person.backup(original)
    person.report(original)
    person.activate(folder)
    before = (person.view(folder), person.view(other), person.operations())
    good = folder.recipient_info
    info = {
        "noise": secrets.token_bytes(200),
        "empty": b"",
        "another backup's": other.recipient_info,
        "tampered": good[:-1] + bytes([good[-1] ^ 1]),
    }[kind]
    assert person.outcome(person.collect(folder, recipient_info=info)) == "unwrap_failed"
    assert (person.view(folder), person.view(other), person.operations()) == before
    assert person.outcome(person.collect(folder)) == "ok"


@pytest.mark.parametrize("raw", [b"", b"k" * 31, bytes(32), b"k" * 33])
def test_a_bad_ephemeral_key_changes_nothing(
    person: Person, original: Original, folder: Folder, raw: bytes
) -> None:
    person.report(original)
    person.activate(folder)
    before = (person.view(folder), person.operations())
    assert person.outcome(person.collect(folder, ephemeral_public_key=raw)) == "malformed"
    assert (person.view(folder), person.operations()) == before


def test_collecting_again_needs_the_pin_again(
    person: Person, original: Original, folder: Folder, wrong_pin: Ed25519PrivateKey
) -> None:
    person.report(original)
    person.activate(folder)
    collection = person.collected(folder)
    assert person.outcome(person.collect(folder, pin=wrong_pin)) == "wrong_backup_pin"
    mine = ec.generate_private_key(ec.SECP256R1()).public_key()
    rewrapped = recovery.wrap_content_key(folder.content_key, mine)
    again = person.collect(folder, recipient_info=rewrapped)
    assert person.outcome(again) == "unwrap_failed"
    successor = person.successor(folder, collection)
    assert person.outcome(person.restore(folder, None, successor.fingerprint)) == (
        "signature_required"
    )
    assert person.outcome(person.restore(folder, original, successor.fingerprint)) == (
        "signature_invalid"
    )
    assert person.outcome(person.restore(folder, original)) == "signature_invalid"
    assert person.outcome(person.restore(folder, successor)) == "ok"
    assert person.outcome(person.retire(folder, successor)) == "backup_state"


def test_a_lost_successor_is_not_collected_again(
    person: Person, original: Original, folder: Folder
) -> None:
    person.report(original)
    person.activate(folder)
    successor = person.successor(folder, person.collected(folder))
    person.report(successor, Reason.MALFUNCTION)
    assert person.outcome(person.collect(folder)) == "not_active"
    assert person.outcome(person.restore(folder, successor)) == "not_active"


def test_restoration_before_collection(person: Person, original: Original, folder: Folder) -> None:
    assert person.outcome(person.restore(folder, original)) == "backup_state"
