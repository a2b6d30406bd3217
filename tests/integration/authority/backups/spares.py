"""Spare tokens as tests use them: a software key in the place of the token's."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from custode_authority.wire import cms
from custode_authority.wire.messages import (
    SIGNATURE_HEADER,
    BackupView,
    Reservation,
    ReserveRequest,
    RestorationRequest,
    canonical,
)
from custode_authority.wire.reasons import Reason
from custode_authority.wire.spare_messages import (
    SUCCESSOR_SIGNATURE_HEADER,
    SpareActivationRequest,
    SpareCollection,
    SpareCollectionRequest,
    SpareConfirmRequest,
)
from custode_authority.wire.states import BackupKind, BackupPlace

if TYPE_CHECKING:
    import httpx
    from tests.integration.authority.backups.conftest import Original, Person

    from custode_authority.wire.messages import Message


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def request_of(key: Any, name: str) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def spki_sha256(key: Any) -> str:
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(spki)
    return digest.finalize().hex()


@dataclass(frozen=True)
class Spare:
    """A spare token: its key, which the authority only ever sees the public half of."""

    person: Person
    backup_id: str
    key: Any = field(default_factory=new_key)

    @property
    def path(self) -> str:
        return f"/v1/backups/{self.backup_id}"

    def send(self, path: str, message: Message | bytes, **signers: Any) -> httpx.Response:
        """Post with detached signatures: `by` the ordinary one, `successor` the second."""
        body = message if isinstance(message, bytes) else canonical(message)
        names = {"by": SIGNATURE_HEADER, "successor": SUCCESSOR_SIGNATURE_HEADER}
        headers = {
            names[name]: base64.b64encode(cms.sign_with_key(body, key, detached=True)).decode()
            for name, key in signers.items()
            if key is not None
        }
        return self.person.post(f"{self.path}{path}", body, headers)

    def confirmation(self, **changes: Any) -> SpareConfirmRequest:
        fields: dict[str, Any] = {
            "backup_id": self.backup_id,
            "successor_csr": request_of(self.key, self.person.tax_code),
            **changes,
        }
        return SpareConfirmRequest(**self.person.fresh(fields, "spare.confirm"))

    def confirm(self, original: Original, **changes: Any) -> httpx.Response:
        signers = {
            "by": changes.pop("by", original.key),
            "successor": changes.pop("successor", self.key),
        }
        message = changes.pop("message", None) or self.confirmation(**changes)
        return self.send("/spare/confirmation", message, **signers)

    def message(self, step: str, reason: Reason = Reason.LOST) -> Message:
        nonce = self.person.nonce({"activation": "spare.activate"}.get(step, "spare.collect"))
        if step == "activation":
            return SpareActivationRequest(nonce=nonce, backup_id=self.backup_id, reason=reason)
        return SpareCollectionRequest(nonce=nonce, backup_id=self.backup_id)

    def activate(self, reason: Reason = Reason.LOST, by: Any = None) -> httpx.Response:
        return self.send("/spare/activation", self.message("activation", reason), by=by or self.key)

    def collect(self, by: Any = None) -> httpx.Response:
        return self.send("/spare/collection", self.message("collection"), by=by or self.key)

    def collected(self) -> SpareCollection:
        return self.person.read(self.collect(), SpareCollection)

    def restored(self, fingerprint: str, by: Any = None) -> httpx.Response:
        nonce = self.person.nonce("backup.restored")
        told = RestorationRequest(
            nonce=nonce, backup_id=self.backup_id, successor_sha256=fingerprint
        )
        return self.send("/restoration", told, by=by or self.key)

    def view(self) -> BackupView:
        return self.person.get(self.path, BackupView)


def reserve(person: Person, original: Original, **more: Any) -> Spare:
    request = ReserveRequest(
        kind=BackupKind.SUCCESSOR, original_sha256=original.fingerprint, place=BackupPlace.TOKEN
    )
    reserved = person.read(person.post("/v1/backups", request), Reservation)
    assert reserved.recovery_public_key is None
    return Spare(person, reserved.backup_id, **more)


def registered(person: Person, original: Original, **more: Any) -> Spare:
    spare = reserve(person, original, **more)
    answer = spare.confirm(original)
    assert answer.status_code == 200, answer.text
    return spare


def fingerprint_of(der: bytes) -> str:
    return x509.load_der_x509_certificate(der).fingerprint(hashes.SHA256()).hex()
