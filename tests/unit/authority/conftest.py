"""An authority in a folder with a clock of its own, and people who stand at its counter."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID
from litestar.testing import TestClient

from custode_authority.accounts import passwords
from custode_authority.ca.authority import Authority, open_authority
from custode_authority.ca.home import Home
from custode_authority.ca.setup import initialise
from custode_authority.web.app import counter_app
from custode_authority.wire import cms
from custode_authority.wire.messages import OperationView, StatusStatement

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


class StoppedClock:
    """A clock that moves only when told to."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def forward(self, **parts: float) -> None:
        self.at += timedelta(**parts)


class Person:
    """One account with keys in memory, speaking HTTP."""

    def __init__(self, client: TestClient[Any], authority: Authority, code: str) -> None:
        self._client = client
        self.authority = authority
        self.code = code
        self.codice_fiscale = f"{code}00A00A000A"[:16]
        bootstrap = authority.home.bootstrap_key.read_text()
        answer = client.post(
            "/v1/accounts",
            json={
                "identity_code": code,
                "codice_fiscale": self.codice_fiscale,
                "password": f"password of {code}",
            },
            headers={"Authorization": f"Bearer {bootstrap}"},
        )
        assert answer.status_code == 201, answer.text
        self.api_key: str = answer.json()["api_key"]

    # --- plain calls --------------------------------------------------------------------------

    def get(self, path: str) -> httpx.Response:
        return self._client.get(path, headers={"Authorization": f"Bearer {self.api_key}"})

    def post(
        self, path: str, body: Any, signed_by: tuple[Key, bytes] | None = None
    ) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}
        if signed_by is not None:
            headers["Custode-Signature"] = self.sign(content, signed_by)
        return self._client.post(path, content=content, headers=headers)

    @staticmethod
    def sign(body: bytes, signer: tuple[Key, bytes]) -> str:
        key, _certificate = signer
        return base64.b64encode(cms.sign_with_key(body, key, detached=True)).decode()

    def nonce(self, purpose: str = "cancel") -> str:
        answer = self.post("/v1/nonces", {"purpose": purpose})
        assert answer.status_code == 201, answer.text
        nonce: str = answer.json()["nonce"]
        return nonce

    # --- certificates -------------------------------------------------------------------------

    def csr(self, key: Key, common_name: str | None = None) -> bytes:
        name = x509.Name(
            [x509.NameAttribute(NameOID.COMMON_NAME, common_name or self.codice_fiscale)]
        )
        builder = x509.CertificateSigningRequestBuilder().subject_name(name)
        return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)

    def send(
        self,
        csr: bytes,
        signed_by: tuple[Key, bytes] | None = None,
        *,
        path: str = "simpleenroll",
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        # Time goes on: no two requests come at the very same moment.
        self.authority.clock.at += timedelta(milliseconds=1)  # type: ignore[attr-defined] # a test's
        body = base64.b64encode(csr)
        sent = {"Content-Type": "application/pkcs10", **(headers or {})}
        if signed_by is not None:
            sent["Custode-Signature"] = self.sign(body, signed_by)
        basic = httpx.BasicAuth(self.code, self.api_key)
        return self._client.post(f"/.well-known/est/{path}", content=body, headers=sent, auth=basic)

    def certified(
        self, signed_by: tuple[Key, bytes] | None = None, path: str = "simpleenroll"
    ) -> tuple[Key, bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        answer = self.send(self.csr(key), signed_by, path=path)
        assert answer.status_code == 200, answer.text
        (certificate,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.content))
        return key, certificate.public_bytes(Encoding.DER)

    def operations(self) -> list[OperationView]:
        answer = self.get("/v1/certificates")
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=list[OperationView])

    def operation(self, certificate: tuple[Key, bytes]) -> OperationView:
        (found,) = [one for one in self.operations() if one.certificate == certificate[1]]
        return found

    def status(self, certificate: tuple[Key, bytes]) -> StatusStatement:
        query = {"fingerprint_sha256": fingerprint(certificate), "nonce": "n" * 20}
        answer = self.post("/v1/status", query)
        assert answer.status_code == 200, answer.text
        statement = base64.b64decode(answer.json()["statement"])
        now = self.authority.clock.now()
        content = cms.verify_chained(statement, self.authority.keys.ca_certificate, now).content
        return msgspec.json.decode(content, type=StatusStatement)

    # --- what ends them -----------------------------------------------------------------------

    def report(self, certificate: tuple[Key, bytes], reason: str, **more: Any) -> httpx.Response:
        body = {
            "reason": reason,
            "fingerprint_sha256": fingerprint(certificate),
            "password": f"password of {self.code}",
            **more,
        }
        return self.post("/v1/reports", body)

    def preview(self, *named: tuple[Key, bytes], reason: str = "other") -> httpx.Response:
        ids = [self.operation(one).id_operazione for one in named]
        return self.post("/v1/cancellations/preview", {"operations": ids, "reason": reason})

    def cancellation(
        self, *named: tuple[Key, bytes], reason: str = "other", **more: Any
    ) -> dict[str, Any]:
        """The body of a cancellation of what the preview shows."""
        shown = self.preview(*named, reason=reason)
        assert shown.status_code == 200, shown.text
        return {
            "nonce": self.nonce(),
            "operations": [self.operation(one).id_operazione for one in named],
            "reason": reason,
            "covered": sorted(row["serial_number"] for row in shown.json()["covered"]),
            **more,
        }

    def cancel(
        self, *named: tuple[Key, bytes], by: tuple[Key, bytes], reason: str = "other"
    ) -> httpx.Response:
        return self.post("/v1/cancellations", self.cancellation(*named, reason=reason), by)


def fingerprint(certificate: tuple[Key, bytes]) -> str:
    return sha256(certificate[1]).hexdigest()


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def authority(
    tmp_path: Path, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Authority]:
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "_PASSES", 1)
    home = Home(tmp_path / "authority")
    initialise(home, generation_s=0, validity_days=365, clock=clock)
    opened = open_authority(home, clock)
    yield opened
    opened.db.close()


@pytest.fixture
def client(authority: Authority, contract: Any) -> Iterator[TestClient[Any]]:
    with TestClient(counter_app(authority), raise_server_exceptions=False) as opened:
        opened.event_hooks["response"].append(contract.check)
        yield opened


@pytest.fixture
def newcomer(client: TestClient[Any], authority: Authority) -> Callable[[str], Person]:
    return lambda code: Person(client, authority, code)


@pytest.fixture
def anna(newcomer: Callable[[str], Person]) -> Person:
    return newcomer("ANNA1")


@pytest.fixture
def bruno(newcomer: Callable[[str], Person]) -> Person:
    return newcomer("BRUNO2")
