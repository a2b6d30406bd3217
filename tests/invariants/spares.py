"""What a person sends for a backup on a spare token: signed by the key on it, not with a PIN."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from tests.integration.authority.backups.conftest import PEOPLE, csr

from custode_authority.escrow import spare
from custode_authority.wire import cms
from custode_authority.wire.messages import canonical
from custode_authority.wire.spare_messages import (
    SpareActivationRequest,
    SpareCollectionRequest,
    SpareConfirmRequest,
)

if TYPE_CHECKING:
    from tests.integration.authority.backups.conftest import Key
    from tests.invariants.people import Identity, Stick

    from custode_authority.wire.messages import BackupView
    from custode_authority.wire.reasons import Reason


def _sign(key: Key, body: bytes) -> str:
    return base64.b64encode(cms.sign_with_key(body, key, detached=True)).decode()


def _signer(stick: Stick, *, right: bool) -> Key:
    """The spare's key; the wrong one is the original's, which is the nearest at hand."""
    return stick.folder.successor if right else stick.original.key


def confirm(person: Identity, stick: Stick) -> BackupView:
    request = SpareConfirmRequest(
        nonce=person.nonce("spare.confirm"),
        backup_id=stick.folder.backup_id,
        successor_csr=csr(stick.folder.successor, PEOPLE[person.code]),
    )
    body = canonical(request)
    both = (stick.original.sign(body), _sign(stick.folder.successor, body))
    authority = person.world.authority
    return person.send(lambda: spare.confirm(authority, person.who, request, body, both))


def request(person: Identity, stick: Stick, reason: Reason, *, right: bool) -> BackupView:
    asked = SpareActivationRequest(
        nonce=person.nonce("spare.activate"), backup_id=stick.folder.backup_id, reason=reason
    )
    body = canonical(asked)
    signature = _sign(_signer(stick, right=right), body)
    authority = person.world.authority
    return person.send(lambda: spare.activate(authority, person.who, asked, body, signature))


def collect(person: Identity, stick: Stick, *, right: bool) -> str:
    """Give the fingerprint of the successor's certificate."""
    asked = SpareCollectionRequest(
        nonce=person.nonce("spare.collect"), backup_id=stick.folder.backup_id
    )
    body = canonical(asked)
    signature = _sign(_signer(stick, right=right), body)
    authority = person.world.authority
    collected = person.send(lambda: spare.collect(authority, person.who, asked, body, signature))
    certificate = x509.load_der_x509_certificate(collected.certificate)
    assert certificate.public_key() == stick.folder.successor.public_key()
    return certificate.fingerprint(SHA256()).hex()
