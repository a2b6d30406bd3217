"""The other side of the counter, as a test sees it: plain EST, a second account, the spare key."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from custode.container import folder as backup_folder
from custode.container import inner, iwk, outer
from custode.demo.stage import Person
from custode_authority.ca.authority import Authority, open_authority
from custode_authority.ca.home import Home
from custode_authority.storage.tables import Backup
from custode_authority.wire import recovery

AnyKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class Account:
    """An account at a person's embedded authority, used by some other EST client."""

    url: str
    ca: Path
    code: str
    api_key: str

    @classmethod
    def of(cls, person: Person, url: str) -> Account:
        """The person's own one."""
        api_key = (person.home / "authority" / "accounts" / f"{person.code}.key").read_text()
        return cls(url, person.ca, person.code, api_key.strip())

    @classmethod
    def open(cls, person: Person, url: str, code: str, codice_fiscale: str) -> Account:
        """Somebody else's, at the same authority."""
        bootstrap = (person.home / "authority" / "bootstrap.key").read_text().strip()
        told = {
            "identity_code": code,
            "codice_fiscale": codice_fiscale,
            "password": secrets.token_urlsafe(12),
        }
        answer = httpx.post(
            f"{url}/v1/accounts",
            json=told,
            headers={"Authorization": f"Bearer {bootstrap}"},
            verify=_trusting(person.ca),
            trust_env=False,
        )
        assert answer.status_code == 201, answer.text
        return cls(url, person.ca, code, answer.json()["api_key"])

    def enrol(self, csr: bytes) -> httpx.Response:
        """Send a request by plain EST (RFC 7030 §4.2), as any client would."""
        return httpx.post(
            f"{self.url}/.well-known/est/simpleenroll",
            content=base64.b64encode(csr),
            headers={"Content-Type": "application/pkcs10"},
            auth=(self.code, self.api_key),
            verify=_trusting(self.ca),
            trust_env=False,
        )


def request(key: AnyKey, common_name: str, *, broken: bool = False) -> bytes:
    """A PKCS#10, DER; `broken`: its last signature bit is another one."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    der = bytearray(builder.sign(key, algorithm).public_bytes(Encoding.DER))
    der[-1] ^= broken
    return bytes(der)


def spare_key(person: Person, folder: Path) -> tuple[bytes, Any]:
    """Content key and successor's key of a registered backup, by everybody's part of it at once."""
    authority: Authority = open_authority(Home(person.home / "authority"))
    container = backup_folder.read_container(folder)
    try:
        with authority.db.transaction() as tx:
            row = tx.scalars(select(Backup).where(Backup.id == container.manifest.backup_id)).one()
            assert row.recovery_key_sealed is not None
            der = authority.keys.sealer.unseal(row.recovery_key_sealed, row.id)
    finally:
        authority.db.close()
    recovery_key: Any = load_der_private_key(der, None)
    content_key = recovery.unwrap_content_key(iwk.recipient_info(container), recovery_key)
    sealed = outer.open_with_content_key(container.outer, content_key)
    key = inner.open_sealed(sealed, person.backup_pin, container.manifest.successor_sha256)
    return content_key, key


def _trusting(ca: Path) -> Any:
    import ssl

    return ssl.create_default_context(cafile=ca)
