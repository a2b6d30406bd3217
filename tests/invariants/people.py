"""The people who use it: each method is one call to the authority.

Software keys stand for tokens, and keys that a PIN would give are drawn: no derivation costs time.
"""

from __future__ import annotations

import base64
import secrets
from copy import copy
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select
from tests.integration.authority.backups.conftest import PEOPLE, Folder, Key, csr, p256
from tests.invariants import spares

from custode_authority.certificates import cancelling, enrolling, listing, reporting, settling
from custode_authority.certificates.reinstating import reinstate
from custode_authority.escrow import activation, collection, registration, reissuing
from custode_authority.escrow import closing as ending
from custode_authority.escrow import listing as backup_listing
from custode_authority.storage import nonces
from custode_authority.storage.tables import Account, Backup, Certificate
from custode_authority.wire import cms, recovery
from custode_authority.wire.messages import (
    ActivationRequest,
    CancellationPreviewRequest,
    CancellationRequest,
    CollectionRequest,
    ConfirmRequest,
    ReissueRequest,
    ReportRequest,
    ReserveRequest,
    RestorationRequest,
    RetireRequest,
    StatusQuery,
    StatusStatement,
    canonical,
)
from custode_authority.wire.states import BackupKind, BackupPlace

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session
    from tests.invariants.world import World

    from custode_authority.wire.messages import BackupView, Message, OperationView
    from custode_authority.wire.reasons import Reason

T = TypeVar("T")


@dataclass
class Held:
    """A key on a token, and the certificate it was given once there is one."""

    key: Key
    csr: bytes
    serial: str  # of the token
    in_hand: bool = True
    fingerprint: str | None = None

    def sign(self, body: bytes) -> str:
        return base64.b64encode(cms.sign_with_key(body, self.key, detached=True)).decode()


@dataclass
class Stick:
    """A backup folder: every copy of it is the same. `original` is the certificate's key.

    `spare`: no folder, but a token that carries the successor's key.
    """

    folder: Folder
    original: Held
    by_owner: bool = True
    spare: bool = False


@dataclass
class Identity:
    """One account with its keys and folders; each method is one call to the authority."""

    world: World
    code: str
    held: list[Held] = field(default_factory=list)
    sticks: list[Stick] = field(default_factory=list)
    sent: list[Callable[[], object]] = field(default_factory=list)
    """Everything that was sent signed, to be sent again as it was."""

    def __post_init__(self) -> None:
        account = Account(
            identity_code=self.code,
            codice_fiscale=PEOPLE[self.code],
            password_hash="",
            api_key_sha256=secrets.token_hex(32),
            api_key_last4="0000",
            created_at=self.world.clock.now(),
        )
        self.world.transact(lambda tx: tx.add(account))
        self.account_id = account.id

    def moved_to(self, world: World) -> Identity:
        """The same person in a copy of the world: keys stay, and nothing was sent there yet."""
        copied = {id(held): replace(held) for held in self.held}
        moved = copy(self)
        moved.world, moved.sent, moved.held = world, [], list(copied.values())
        moved.sticks = [replace(s, original=copied[id(s.original)]) for s in self.sticks]
        return moved

    def who(self, tx: Session) -> Account:
        return tx.get_one(Account, self.account_id)

    def nonce(self, purpose: str) -> str:
        now = self.world.clock.now()
        return self.world.transact(
            lambda tx: nonces.issue(tx, self.who(tx), purpose, now=now).nonce
        )

    def send(self, call: Callable[[], T]) -> T:
        self.sent.append(call)
        self.world.clock.forward(milliseconds=1)
        return call()

    # --- certificates -------------------------------------------------------------------------

    def enrol(
        self,
        serial: str,
        signer: Held | None = None,
        *,
        renewal: bool = False,
        hidden: bool = False,
    ) -> Held:
        """Ask for a certificate of a new key; `hidden`: the answer is lost, the key is not."""
        key = p256()
        request = csr(key, PEOPLE[self.code])
        held = Held(key, request, serial)
        body = base64.b64encode(request)
        signature = signer.sign(body) if signer else None
        submission = enrolling.Submission(request, body, signature, renewal=renewal)
        authority = self.world.authority
        self.send(
            lambda: self.world.transact(
                lambda tx: enrolling.enrol(tx, authority, self.who(tx), submission)
            )
        )
        if not hidden:
            self.held.append(held)
        return held

    def operations(self) -> list[OperationView]:
        """The account's list; what was issued meanwhile reaches its key."""
        rows = self.world.transact(
            lambda tx: listing.all_operations(tx, self.world.authority, self.who(tx))
        )
        for held in self.held:
            spki = key_sha256(held.key)
            for row in rows:
                if row.key_sha256 == spki and row.fingerprint_sha256:
                    held.fingerprint = row.fingerprint_sha256
        return rows

    def report(self, held: Held, reason: Reason, **more: Any) -> None:
        request = ReportRequest(
            reason=reason, fingerprint_sha256=held.fingerprint or "", password="", **more
        )
        authority = self.world.authority
        self.world.transact(lambda tx: reporting.report(tx, authority, self.who(tx), request))

    def cancel(self, held: Held, signer: Held, reason: Reason) -> None:
        """Look at the preview, then cancel what it shows."""
        authority = self.world.authority
        (named,) = [
            row.id_operazione
            for row in self.operations()
            if row.fingerprint_sha256 == held.fingerprint
        ]
        ask = CancellationPreviewRequest(operations=[named], reason=reason)
        shown = self.world.transact(lambda tx: cancelling.preview(tx, authority, self.who(tx), ask))
        request = CancellationRequest(
            nonce=self.nonce("cancel"),
            operations=[named],
            reason=reason,
            covered=sorted(row.serial_number or "" for row in shown.covered),
        )
        body = canonical(request)
        signed = cancelling.Signed(body, signer.sign(body), request)
        self.send(
            lambda: self.world.transact(
                lambda tx: cancelling.cancel(tx, authority, self.who(tx), signed)
            )
        )

    def reissue(self, fingerprints: list[str]) -> None:
        """Give up certificates whose keys can sign no more."""
        request = ReissueRequest(fingerprints=fingerprints, password="")
        authority = self.world.authority
        self.world.transact(lambda tx: reissuing.reissue(tx, authority, self.who(tx), request))

    def reinstate(self, held: Held) -> None:
        """The desk's doing."""

        def work(tx: Session) -> None:
            known = Certificate.fingerprint_sha256 == held.fingerprint
            certificate = tx.scalars(select(Certificate).where(known)).one()
            reinstate(tx, self.world.authority, certificate, "desk", now=self.world.clock.now())

        self.world.transact(work)

    # --- backups ------------------------------------------------------------------------------

    def reserve(self, original: Held, *, by_owner: bool = True, spare: bool = False) -> Stick:
        request = ReserveRequest(
            kind=BackupKind.SUCCESSOR,
            original_sha256=original.fingerprint or "",
            place=BackupPlace.TOKEN if spare else BackupPlace.FOLDER,
        )
        self.world.clock.forward(milliseconds=1)
        reserved = registration.reserve(self.world.authority, self.who, request)
        if spare:
            self.sticks.append(Stick(Folder(reserved.backup_id, b""), original, by_owner, spare))
            return self.sticks[-1]
        public_key = recovery.load_recovery_public_key(reserved.recovery_public_key)
        content_key = secrets.token_bytes(32)
        info = recovery.wrap_content_key(content_key, public_key)
        stick = Stick(Folder(reserved.backup_id, info, content_key), original, by_owner)
        self.sticks.append(stick)
        return stick

    def confirm(self, stick: Stick) -> BackupView:
        if stick.spare:
            return spares.confirm(self, stick)
        folder = stick.folder
        request = ConfirmRequest(
            nonce=self.nonce("backup.confirm"),
            backup_id=folder.backup_id,
            container_sha256=folder.container_sha256,
            successor_csr=csr(folder.successor, PEOPLE[self.code]),
            pin_public_key=folder.pin.public_key().public_bytes_raw(),
        )
        body = canonical(request)
        signature = stick.original.sign(body)
        return self.send(
            lambda: registration.confirm(self.world.authority, self.who, request, body, signature)
        )

    def request(self, stick: Stick, reason: Reason, *, right: bool = True) -> BackupView:
        if stick.spare:
            return spares.request(self, stick, reason, right=right)
        request = ActivationRequest(
            nonce=self.nonce("backup.activate"),
            backup_id=stick.folder.backup_id,
            container_sha256=stick.folder.container_sha256,
            reason=reason,
        )
        body, signature = _by_pin(request, stick.folder, right=right)
        return self.send(
            lambda: activation.activate(self.world.authority, self.who, request, body, signature)
        )

    def approve(self, stick: Stick) -> None:
        """The desk's doing."""

        def work(tx: Session) -> None:
            authority, now = self.world.authority, self.world.clock.now()
            settling.settle(tx, authority, self.who(tx), now=now)
            backup = tx.get_one(Backup, stick.folder.backup_id)
            activation.approve(tx, authority, backup, "desk", now=now)

        self.world.transact(work)

    def collect(self, stick: Stick, *, right: bool = True) -> Held:
        """Collect; give the successor's key with its certificate, as memory holds it then."""
        folder = stick.folder
        if stick.spare:
            found = spares.collect(self, stick, right=right)
            return Held(folder.successor, b"", "", fingerprint=found)
        request = CollectionRequest(
            nonce=self.nonce("backup.collect"),
            backup_id=folder.backup_id,
            container_sha256=folder.container_sha256,
            recipient_info=folder.recipient_info,
            ephemeral_public_key=X25519PrivateKey.generate().public_key().public_bytes_raw(),
        )
        body, signature = _by_pin(request, folder, right=right)
        collected = self.send(
            lambda: collection.collect(self.world.authority, self.who, request, body, signature)
        )
        certificate = x509.load_der_x509_certificate(collected.certificate)
        assert certificate.public_key() == folder.successor.public_key()
        fingerprint = certificate.fingerprint(SHA256()).hex()
        return Held(folder.successor, b"", "", fingerprint=fingerprint)

    def restore(self, stick: Stick, serial: str) -> Held:
        """Collect again, put the key onto a token, confirm."""
        held = self.collect(stick)
        held.serial = serial
        request = RestorationRequest(
            nonce=self.nonce("backup.restored"),
            backup_id=stick.folder.backup_id,
            successor_sha256=held.fingerprint or "",
        )
        body = canonical(request)
        signature = held.sign(body)
        # The key lies on the token from here on, whatever becomes of the confirmation.
        self.held.append(held)
        self.send(lambda: ending.restored(self.world.authority, self.who, request, body, signature))
        return held

    def retire(self, stick: Stick, signer: Held) -> None:
        request = RetireRequest(nonce=self.nonce("backup.retire"), backup_id=stick.folder.backup_id)
        body = canonical(request)
        signature = signer.sign(body)
        self.send(lambda: ending.retired(self.world.authority, self.who, request, body, signature))

    def backups(self) -> list[BackupView]:
        return backup_listing.all_backups(self.world.authority, self.who)

    def status(self, tx: Session, fingerprint: str) -> StatusStatement:
        """The authority's signed word, as the agent's job reads it."""
        query = StatusQuery(fingerprint_sha256=fingerprint, nonce=secrets.token_urlsafe(16))
        signed = listing.status(tx, self.world.authority, self.who(tx), query)
        now, ca = self.world.clock.now(), self.world.authority.keys.ca_certificate
        content = cms.verify_chained(signed.statement, ca, now).content
        return msgspec.json.decode(content, type=StatusStatement)


def _by_pin(request: Message, folder: Folder, *, right: bool) -> tuple[bytes, str]:
    body = canonical(request)
    pin = folder.pin if right else Ed25519PrivateKey.generate()
    return body, base64.b64encode(pin.sign(body)).decode()


def key_sha256(key: Key) -> str:
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(spki).hexdigest()
