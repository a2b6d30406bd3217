"""An authority with a clock that obeys, people with software keys, and their backup folders."""

from __future__ import annotations

import base64
import secrets
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import httpx
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from litestar.testing import TestClient
from sqlalchemy import select

from custode_authority.ca import issuer
from custode_authority.ca.authority import Authority, open_authority
from custode_authority.ca.home import Home
from custode_authority.ca.setup import initialise
from custode_authority.certificates.reinstating import reinstate
from custode_authority.storage import audit
from custode_authority.storage.tables import AuditEntry, Backup, Certificate
from custode_authority.web.app import counter_app
from custode_authority.wire import cms, recovery
from custode_authority.wire.messages import (
    PIN_SIGNATURE_HEADER,
    SIGNATURE_HEADER,
    AccountCreate,
    AccountCreated,
    ActivationRequest,
    BackupView,
    Collection,
    CollectionRequest,
    ConfirmRequest,
    NonceIssued,
    OperationView,
    ReissueRequest,
    ReportRequest,
    ReportView,
    Reservation,
    ReserveRequest,
    RestorationRequest,
    RetireRequest,
    canonical,
)
from custode_authority.wire.reasons import CrlReason, Reason
from custode_authority.wire.states import BackupKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from custode_authority.wire.messages import Message

T = TypeVar("T")
PASSWORD: Final = "correct horse"
PEOPLE: Final = {"ABC123": "RSSMRA80A01H501U", "XYZ789": "VRDLGI70A01F205F"}
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Hands:
    """A clock whose hands a test moves."""

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._start = datetime.now(UTC)

    def now(self) -> datetime:
        return self._start + self._ahead

    def forward(self, **by: float) -> None:
        self._ahead += timedelta(**by)


def csr(key: Key, name: str) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Original:
    """A certificate and the key that would be on a token."""

    key: Key
    fingerprint: str
    serial_number: str

    def sign(self, body: bytes) -> bytes:
        return cms.sign_with_key(body, self.key, detached=True)


@dataclass(frozen=True)
class Folder:
    """What a backup folder holds, opened: container hash, RecipientInfo, PIN key, successor."""

    backup_id: str
    recipient_info: bytes
    content_key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    container_sha256: str = field(default_factory=lambda: secrets.token_hex(32))
    pin: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    successor: Key = field(default_factory=p256)


@dataclass
class Person:
    """One account, at the end of an HTTP client."""

    client: httpx.Client
    code: str
    api_key: str
    tax_code: str

    @staticmethod
    def outcome(answer: httpx.Response) -> str:
        """Say "ok", or the stable code of the refusal."""
        return "ok" if answer.status_code in {200, 201} else str(answer.json()["code"])

    @staticmethod
    def read(answer: httpx.Response, kind: type[T]) -> T:
        assert answer.status_code in {200, 201}, answer.text
        return msgspec.json.decode(answer.content, type=kind)

    def post(
        self, path: str, message: Message | bytes, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        body = message if isinstance(message, bytes) else canonical(message)
        bearer = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}
        return self.client.post(path, content=body, headers={**bearer, **(headers or {})})

    def get(self, path: str, kind: type[T]) -> T:
        bearer = {"Authorization": f"Bearer {self.api_key}"}
        return self.read(self.client.get(path, headers=bearer), kind)

    def nonce(self, purpose: str) -> str:
        body = msgspec.json.encode({"purpose": purpose})
        return self.read(self.post("/v1/nonces", body), NonceIssued).nonce

    def fresh(self, fields: dict[str, Any], purpose: str) -> dict[str, Any]:
        return fields if "nonce" in fields else {**fields, "nonce": self.nonce(purpose)}

    def signed(self, path: str, message: Message, by: Original | None) -> httpx.Response:
        body = canonical(message)
        headers = {}
        if by is not None:
            headers[SIGNATURE_HEADER] = base64.b64encode(by.sign(body)).decode()
        return self.post(path, body, headers)

    def with_pin(self, path: str, message: Message, pin: Ed25519PrivateKey) -> httpx.Response:
        return self.post(path, message, self.pin_header(message, pin))

    @staticmethod
    def pin_header(message: Message, pin: Ed25519PrivateKey) -> dict[str, str]:
        return {PIN_SIGNATURE_HEADER: base64.b64encode(pin.sign(canonical(message))).decode()}

    def enrol(self, key: Key, signer: Original | None = None, **more: Any) -> httpx.Response:
        """Send a request, by simpleenroll or `path`; `body` is one that was made before."""
        body = more.get("body") or base64.b64encode(csr(key, self.tax_code))
        headers = {"Content-Type": "application/pkcs10"}
        if signer is not None:
            headers[SIGNATURE_HEADER] = base64.b64encode(signer.sign(body)).decode()
        path = f"/.well-known/est/{more.get('path', 'simpleenroll')}"
        return self.client.post(path, content=body, headers=headers, auth=(self.code, self.api_key))

    def original(self, key: Key | None = None, **more: Any) -> Original:
        before = self.operations()
        answer = self.enrol(key := key or p256(), **more)
        assert answer.status_code == 200, answer.text
        (row,) = [row for row in self.operations() if row not in before]
        assert row.fingerprint_sha256
        assert row.serial_number
        return Original(key, row.fingerprint_sha256, row.serial_number)

    def operations(self) -> list[OperationView]:
        return self.get("/v1/certificates", list[OperationView])

    def operation(self, fingerprint: str) -> OperationView:
        (row,) = [row for row in self.operations() if row.fingerprint_sha256 == fingerprint]
        return row

    def report(self, original: Original, reason: Reason = Reason.LOST, **more: Any) -> ReportView:
        request = ReportRequest(
            reason=reason, fingerprint_sha256=original.fingerprint, password=PASSWORD, **more
        )
        return self.read(self.post("/v1/reports", request), ReportView)

    def reissue(self, original: Original) -> httpx.Response:
        request = ReissueRequest(fingerprints=[original.fingerprint], password=PASSWORD)
        return self.post("/v1/reissues", request)

    def reserve(self, original: Original, kind: str = "successor") -> httpx.Response:
        request = ReserveRequest(kind=BackupKind(kind), original_sha256=original.fingerprint)
        return self.post("/v1/backups", request)

    def folder(self, original: Original, **more: Any) -> Folder:
        """Reserve, and build what a folder holds; not yet confirmed."""
        kind = more.pop("kind", "successor")
        reserved = self.read(self.reserve(original, kind), Reservation)
        public_key = recovery.load_recovery_public_key(reserved.recovery_public_key)
        content_key = secrets.token_bytes(32)
        info = recovery.wrap_content_key(content_key, public_key)
        return Folder(reserved.backup_id, info, content_key, **more)

    def confirmation(self, folder: Folder, **changes: Any) -> ConfirmRequest:
        fields: dict[str, Any] = {
            "backup_id": folder.backup_id,
            "container_sha256": folder.container_sha256,
            "successor_csr": csr(folder.successor, self.tax_code),
            "pin_public_key": folder.pin.public_key().public_bytes_raw(),
            **changes,
        }
        return ConfirmRequest(**self.fresh(fields, "backup.confirm"))

    def confirm(self, folder: Folder, original: Original | None, **changes: Any) -> httpx.Response:
        path = f"/v1/backups/{folder.backup_id}/confirmation"
        return self.signed(path, self.confirmation(folder, **changes), original)

    def backup(self, original: Original, **more: Any) -> Folder:
        """Make a registered backup."""
        folder = self.folder(original, **more)
        answer = self.confirm(folder, original)
        assert answer.status_code == 200, answer.text
        return folder

    def view(self, folder: Folder) -> BackupView:
        return self.get(f"/v1/backups/{folder.backup_id}", BackupView)

    def activation(self, folder: Folder, **changes: Any) -> ActivationRequest:
        fields: dict[str, Any] = {
            "backup_id": folder.backup_id,
            "container_sha256": folder.container_sha256,
            "reason": Reason.LOST,
            **changes,
        }
        return ActivationRequest(**self.fresh(fields, "backup.activate"))

    def activate(
        self, folder: Folder, pin: Ed25519PrivateKey | None = None, **changes: Any
    ) -> httpx.Response:
        path = f"/v1/backups/{folder.backup_id}/activation"
        return self.with_pin(path, self.activation(folder, **changes), pin or folder.pin)

    def collect(
        self,
        folder: Folder,
        ephemeral: X25519PrivateKey | None = None,
        pin: Ed25519PrivateKey | None = None,
        **changes: Any,
    ) -> httpx.Response:
        ephemeral = ephemeral or X25519PrivateKey.generate()
        fields: dict[str, Any] = {
            "backup_id": folder.backup_id,
            "container_sha256": folder.container_sha256,
            "recipient_info": folder.recipient_info,
            "ephemeral_public_key": ephemeral.public_key().public_bytes_raw(),
            **changes,
        }
        message = CollectionRequest(**self.fresh(fields, "backup.collect"))
        path = f"/v1/backups/{folder.backup_id}/collection"
        return self.with_pin(path, message, pin or folder.pin)

    def collected(self, folder: Folder) -> Collection:
        return self.read(self.collect(folder), Collection)

    def restore(
        self, folder: Folder, signer: Original | None, fingerprint: str = ""
    ) -> httpx.Response:
        message = RestorationRequest(
            nonce=self.nonce("backup.restored"),
            backup_id=folder.backup_id,
            successor_sha256=fingerprint or (signer.fingerprint if signer else ""),
        )
        return self.signed(f"/v1/backups/{folder.backup_id}/restoration", message, signer)

    def retire(self, folder: Folder, signer: Original | None) -> httpx.Response:
        message = RetireRequest(nonce=self.nonce("backup.retire"), backup_id=folder.backup_id)
        return self.signed(f"/v1/backups/{folder.backup_id}/retirement", message, signer)

    def successor(self, folder: Folder, collection: Collection) -> Original:
        found = x509.load_der_x509_certificate(collection.certificate)
        fingerprint = found.fingerprint(hashes.SHA256()).hex()
        return Original(folder.successor, fingerprint, f"{found.serial_number:x}")


@dataclass
class Counter:
    """The authority, its clock, and a client that talks to it."""

    authority: Authority
    clock: Hands
    client: TestClient[Any]
    api_keys: dict[str, str]

    def person(self, code: str = "ABC123") -> Person:
        return Person(self.client, code, self.api_keys[code], PEOPLE[code])

    def set_policy(self, **changes: Any) -> None:
        """Change the settings of the authority that is open."""
        settings = msgspec.structs.replace(self.authority.settings, **changes)
        object.__setattr__(self.authority, "settings", settings)

    def row(self, folder: Folder) -> Backup:
        with self.authority.db.transaction() as tx:
            return tx.get_one(Backup, folder.backup_id)

    def reinstate(self, original: Original) -> None:
        with self.authority.db.transaction() as tx:
            found = self._certificate(tx, original)
            reinstate(tx, self.authority, found, "desk", now=self.clock.now())

    def cancel(self, original: Original, reason: CrlReason) -> None:
        with self.authority.db.transaction() as tx:
            issuer.cancel(tx, self._certificate(tx, original), reason, now=self.clock.now())

    def _certificate(self, tx: Session, original: Original) -> Certificate:
        known = Certificate.fingerprint_sha256 == original.fingerprint
        return tx.scalars(select(Certificate).where(known)).one()

    def log(self) -> list[tuple[str, str]]:
        with self.authority.db.transaction() as tx:
            assert audit.first_broken(tx) is None
            rows = tx.scalars(select(AuditEntry).order_by(AuditEntry.seq))
            return [(row.name, row.data) for row in rows]


def open_account(client: httpx.Client, home: Home, code: str, tax_code: str) -> Person:
    bootstrap = home.bootstrap_key.read_text().strip()
    request = AccountCreate(identity_code=code, codice_fiscale=tax_code, password=PASSWORD)
    answer = client.post(
        "/v1/accounts",
        content=canonical(request),
        headers={"Authorization": f"Bearer {bootstrap}"},
    )
    return Person(client, code, Person.read(answer, AccountCreated).api_key, tax_code)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """An authority with two accounts, made once: keys and password hashes take their time."""
    home = Home(tmp_path_factory.mktemp("made") / "authority")
    initialise(home, generation_s=0, validity_days=30)
    authority = open_authority(home)
    api_keys = {}
    with TestClient(counter_app(authority)) as client:
        for code, tax_code in PEOPLE.items():
            api_keys[code] = open_account(client, home, code, tax_code).api_key
    authority.db.close()
    return Made(home.folder, api_keys)


@pytest.fixture
def counter(tmp_path: Path, made: Made, contract: Any) -> Iterator[Counter]:
    home = Home(tmp_path / "authority")
    shutil.copytree(made.folder, home.folder)
    clock = Hands()
    authority = open_authority(home, clock)
    with TestClient(counter_app(authority)) as client:
        client.event_hooks["response"].append(contract.check)
        yield Counter(authority, clock, client, made.api_keys)
    authority.db.close()


@pytest.fixture
def person(counter: Counter) -> Person:
    return counter.person()


@dataclass(frozen=True)
class Made:
    """An authority's folder, and the API keys of the accounts in it."""

    folder: Path
    api_keys: dict[str, str]


@pytest.fixture
def open_person() -> Callable[[httpx.Client, Home], Person]:
    """Opens the first account of an authority that runs somewhere else."""

    def opened(client: httpx.Client, home: Home) -> Person:
        code, tax_code = next(iter(PEOPLE.items()))
        return open_account(client, home, code, tax_code)

    return opened
