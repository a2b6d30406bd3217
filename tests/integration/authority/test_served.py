"""The authority as a process of its own, over HTTPS; openssl judges its CRL and its OCSP."""

import base64
import json
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from custode_authority.wire import cms

PROGRAM = [sys.executable, "-m", "custode_authority.main"]
WAIT_S = 20
PASSWORD = "a long password"


@dataclass
class Served:
    """A running authority and a client that trusts its CA only."""

    home: Path
    made: dict[str, str]
    process: subprocess.Popen[bytes]
    client: httpx.Client

    def stop(self) -> int:
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_S)


def _init(home: Path) -> dict[str, str]:
    command = [*PROGRAM, "init", "--home", str(home), "--generation-s", "1"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=WAIT_S)
    made: dict[str, str] = json.loads(done.stdout)
    return made


def _serve(home: Path, made: dict[str, str], *options: str) -> Served:
    read_end, write_end = os.pipe()
    command = [*PROGRAM, "serve", "--home", str(home), "--ready-fd", str(write_end), *options]
    process = subprocess.Popen(command, pass_fds=[write_end])
    os.close(write_end)
    try:
        ready, _, _ = select.select([read_end], [], [], WAIT_S)
        assert ready
        assert os.read(read_end, 16) == b"ready\n"
    except BaseException:
        process.kill()
        process.wait(WAIT_S)
        raise
    finally:
        os.close(read_end)
    trust = ssl.create_default_context(cafile=made["ca_certificate"])
    client = httpx.Client(base_url=made["url"], verify=trust, timeout=WAIT_S, trust_env=False)
    return Served(home, made, process, client)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("authority") / "home"
    running = _serve(home, _init(home), "--idle-s", "300")
    yield running
    assert running.stop() == 0


class Person:
    """An account at the running authority, with keys in memory."""

    def __init__(self, served: Served, code: str) -> None:
        self._client = served.client
        self.code = code
        self.codice_fiscale = f"{code}00A00A000A"[:16]
        bootstrap = Path(served.made["bootstrap_key_file"]).read_text()
        body = {
            "identity_code": code,
            "codice_fiscale": self.codice_fiscale,
            "password": PASSWORD,
        }
        headers = {"Authorization": f"Bearer {bootstrap}"}
        answer = self._client.post("/v1/accounts", json=body, headers=headers)
        self.api_key: str = answer.raise_for_status().json()["api_key"]

    def post(self, path: str, body: Any, key: Any = None) -> httpx.Response:
        content = json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.api_key}"}
        if key is not None:
            headers["Custode-Signature"] = _signature(content, key)
        return self._client.post(path, content=content, headers=headers)

    def certified(self, signer: Any = None) -> tuple[Any, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.codice_fiscale)])
        csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
        body = base64.b64encode(csr.public_bytes(Encoding.DER))
        headers = {"Content-Type": "application/pkcs10"}
        if signer is not None:
            headers["Custode-Signature"] = _signature(body, signer)

        def send() -> httpx.Response:
            return self._client.post(
                "/.well-known/est/simpleenroll",
                content=body,
                headers=headers,
                auth=(self.code, self.api_key),
            )

        waiting = send()
        assert waiting.status_code == 202, waiting.text
        time.sleep(int(waiting.headers["retry-after"]))
        answer = send()
        assert answer.status_code == 200, answer.text
        (certificate,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.content))
        return key, certificate

    def cancellation(self, certificate: x509.Certificate) -> dict[str, Any]:
        rows = self._client.get(
            "/v1/certificates", headers={"Authorization": f"Bearer {self.api_key}"}
        ).json()
        serial = f"{certificate.serial_number:x}"
        asked = [row["id_operazione"] for row in rows if row["serial_number"] == serial]
        about = {"operations": asked, "reason": "other"}
        shown = self.post("/v1/cancellations/preview", about).raise_for_status().json()
        nonce = self.post("/v1/nonces", {"purpose": "cancel"}).json()["nonce"]
        covered = sorted(row["serial_number"] for row in shown["covered"])
        return {**about, "nonce": nonce, "covered": covered}


def _signature(content: bytes, key: Any) -> str:
    return base64.b64encode(cms.sign_with_key(content, key, detached=True)).decode()


def _openssl(*arguments: str) -> tuple[bool, str]:
    done = subprocess.run(
        ["openssl", *arguments], capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    return done.returncode == 0, done.stdout + done.stderr


@dataclass
class Judge:
    """`openssl`, asking where the certificate says: the CRL's place, the responder's address."""

    served: Served
    folder: Path

    def crl(self, certificate: x509.Certificate) -> Path:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        assert points[0].full_name is not None
        answer = httpx.get(points[0].full_name[0].value, timeout=WAIT_S, trust_env=False)
        assert answer.headers["content-type"] == "application/pkix-crl"
        path = self.folder / "ca.crl"
        path.write_bytes(answer.content)
        return path

    def accepts(self, certificate: x509.Certificate) -> tuple[bool, str]:
        path = self.folder / "user.pem"
        path.write_bytes(certificate.public_bytes(Encoding.PEM))
        ca, crl = self.served.made["ca_certificate"], str(self.crl(certificate))
        return _openssl(
            "verify", "-x509_strict", "-crl_check", "-CAfile", ca, "-CRLfile", crl, str(path)
        )

    def text(self, certificate: x509.Certificate) -> str:
        ca, crl = self.served.made["ca_certificate"], str(self.crl(certificate))
        good, text = _openssl("crl", "-in", crl, "-inform", "DER", "-CAfile", ca, "-noout", "-text")
        assert good
        assert "verify OK" in text
        return text

    def ocsp(self, asked: x509.Certificate | int, *more: str, issuer: str = "") -> tuple[bool, str]:
        """Ask the responder; it is verified against the CA alone."""
        ca = self.served.made["ca_certificate"]
        if isinstance(asked, int):
            about, url = ["-serial", hex(asked)], _ocsp_url(self.served)
        else:
            path = self.folder / "user.pem"
            path.write_bytes(asked.public_bytes(Encoding.PEM))
            access = asked.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
            (found,) = access.value
            assert found.access_method == AuthorityInformationAccessOID.OCSP
            about, url = ["-cert", str(path)], found.access_location.value
        where = ["-url", url, "-no_proxy", "127.0.0.1", "-CAfile", ca]
        return _openssl("ocsp", "-issuer", issuer or ca, *more, *about, *where, "-resp_text")


def _ocsp_url(served: Served) -> str:
    return served.made["crl_url"].replace("/crl/ca.crl", "/ocsp")


@pytest.fixture
def judge(served: Served, tmp_path: Path) -> Judge:
    return Judge(served, tmp_path)


def test_the_pin_is_the_served_ca(served: Served) -> None:
    answer = served.client.get("/.well-known/est/cacerts")
    (ca,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.content))
    der = ca.public_bytes(Encoding.DER)
    assert sha256(der).hexdigest() == served.made["ca_fingerprint_sha256"]


def test_who_does_not_pin_the_ca_is_not_served(served: Served) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(served.made["url"] + "/healthz", timeout=WAIT_S, trust_env=False)


def test_it_publishes_what_the_documentation_has(served: Served) -> None:
    committed = Path(__file__).resolve().parents[3] / "docs" / "openapi.json"
    assert served.client.get("/v1/openapi.json").json() == json.loads(committed.read_text())


def test_openssl_agrees_from_issue_to_theft(served: Served, judge: Judge) -> None:
    person = Person(served, "GIULIA1")
    _, certificate = person.certified()
    good, text = judge.accepts(certificate)
    assert good, text
    before = judge.text(certificate)
    report = {
        "fingerprint_sha256": sha256(certificate.public_bytes(Encoding.DER)).hexdigest(),
        "password": PASSWORD,
    }
    body = {**report, "reason": "lost", "last_held": "2024-01-15"}
    person.post("/v1/reports", body).raise_for_status()
    good, text = judge.accepts(certificate)
    assert not good
    assert "revoked" in text
    held = judge.text(certificate)
    assert "Certificate Hold" in held
    assert "Invalidity Date: \n                Jan 15 23:00:00 2024 GMT" in held
    person.post("/v1/reports", {**report, "reason": "theft"}).raise_for_status()
    stolen = judge.text(certificate)
    serial = f"{certificate.serial_number:X}"
    assert "Key Compromise" in stolen.split(serial)[1].split("Serial Number")[0]
    numbers = [_crl_number(one) for one in (before, held, stolen, judge.text(certificate))]
    assert numbers[0] < numbers[1] < numbers[2] == numbers[3]


def _crl_number(text: str) -> int:
    return int(text.split("X509v3 CRL Number:")[1].split(maxsplit=1)[0])


def test_unspecified_is_left_out_of_the_crl(served: Served, judge: Judge) -> None:
    person = Person(served, "MARIO2")
    key, certificate = person.certified()
    answer = person.post("/v1/cancellations", person.cancellation(certificate), key)
    assert answer.status_code == 201
    crl = x509.load_der_x509_crl(judge.crl(certificate).read_bytes())
    entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
    assert entry is not None
    assert list(entry.extensions) == []


def test_two_first_cancellations_at_once(served: Served) -> None:
    person = Person(served, "ELENA3")
    first_key, first = person.certified()
    second_key, second = person.certified(first_key)
    requests = [(person.cancellation(first), first_key), (person.cancellation(second), second_key)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda one: person.post("/v1/cancellations", *one), requests))
    done = [answer.json() for answer in answers if answer.status_code == 201]
    refused = [answer.json()["code"] for answer in answers if answer.status_code != 201]
    assert [(one["cumulative"], len(one["covered"])) for one in done] == [(True, 2)]
    assert refused == ["signature_invalid"]  # by then its signer is cancelled


def test_openssl_is_told_each_fate_by_ocsp(served: Served, judge: Judge) -> None:
    person = Person(served, "OLGA6")
    _, certificate = person.certified()
    report = {
        "fingerprint_sha256": sha256(certificate.public_bytes(Encoding.DER)).hexdigest(),
        "password": PASSWORD,
    }

    def told(*more: str) -> str:
        sound, text = judge.ocsp(certificate, *more)
        assert sound, text
        assert "Response verify OK" in text
        assert ("WARNING: no nonce" in text, "Nonce Verify error" in text) == (False, False)
        return text

    for options in ((), ("-sha256",), ("-no_nonce",)):
        assert "user.pem: good" in told(*options)
    assert "OCSP Nonce" in told("-nonce")
    person.post("/v1/reports", {**report, "reason": "lost"}).raise_for_status()
    held = told()
    assert "user.pem: revoked" in held
    assert "Reason: certificateHold" in held
    person.post("/v1/reports", {**report, "reason": "theft"}).raise_for_status()
    stolen = told()
    assert "Reason: keyCompromise" in stolen
    times = [text.split("Revocation Time: ")[1].splitlines()[0] for text in (held, stolen)]
    assert times[0] == times[1]  # nothing that was signed on hold counts


def test_ocsp_knows_nothing_of_others(served: Served, judge: Judge, tmp_path: Path) -> None:
    sound, text = judge.ocsp(0xC0FFEE)
    assert (sound, "0xc0ffee: unknown" in text) == (True, True)
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=Other"]
    other = str(tmp_path / "other.pem")
    assert _openssl("req", "-x509", *made, "-keyout", str(tmp_path / "k"), "-out", other)[0]
    sound, text = judge.ocsp(0xC0FFEE, issuer=other)
    assert not sound
    assert "Responder Error: unauthorized (6)" in text
    sound, text = judge.ocsp(1, "-serial", "2")
    assert not sound
    assert "Responder Error: unauthorized (6)" in text


def test_ocsp_over_http(served: Served) -> None:
    url, kind = _ocsp_url(served), {"Content-Type": "application/ocsp-request"}
    ca = x509.load_pem_x509_certificate(Path(served.made["ca_certificate"]).read_bytes())
    builder = ocsp.OCSPRequestBuilder().add_certificate(ca, ca, hashes.SHA256())
    der = builder.build().public_bytes(Encoding.DER)
    encoded = base64.b64encode(der).decode()
    with httpx.Client(timeout=WAIT_S, trust_env=False) as plain:
        for answer in (
            plain.post(url, content=der, headers=kind),
            plain.get(f"{url}/{encoded}"),
            plain.get(f"{url}/{quote(encoded, safe='')}"),
        ):
            assert answer.headers["content-type"] == "application/ocsp-response"
            found = ocsp.load_der_ocsp_response(answer.content)
            assert found.certificate_status is ocsp.OCSPCertStatus.UNKNOWN


def test_plain_http_serves_nothing_else(served: Served) -> None:
    base = served.made["crl_url"].removesuffix("/crl/ca.crl")
    for path in ("/", "/healthz", "/v1/account", "/.well-known/est/cacerts"):
        assert httpx.get(base + path, timeout=WAIT_S, trust_env=False).status_code == 404
    head = httpx.head(served.made["crl_url"], timeout=WAIT_S, trust_env=False)
    assert (head.status_code, head.content) == (200, b"")
    posted = httpx.post(served.made["crl_url"], timeout=WAIT_S, trust_env=False)
    assert (posted.status_code, posted.headers["allow"]) == (405, "GET, HEAD")


def test_one_process_serves_a_folder(served: Served) -> None:
    command = [*PROGRAM, "serve", "--home", str(served.home)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert second.returncode == 3
    assert "another process" in second.stderr


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    _init(tmp_path / "home")
    settings = json.loads((tmp_path / "home" / "authority.json").read_text())
    with socket.socket() as other:
        other.bind(("127.0.0.1", settings["http_port"]))
        other.listen()
        command = [*PROGRAM, "serve", "--home", str(tmp_path / "home")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.returncode == 4
    assert str(settings["http_port"]) in done.stderr


def test_it_goes_when_idle_and_comes_back_the_same(tmp_path: Path) -> None:
    home = tmp_path / "home"
    made = _init(home)
    served = _serve(home, made, "--idle-s", "1")
    person = Person(served, "LUCA4")
    served.client.close()
    assert served.process.wait(WAIT_S) == 0
    again = _serve(home, _init(home))
    answer = again.client.get("/v1/account", headers={"Authorization": f"Bearer {person.api_key}"})
    assert answer.json()["identity_code"] == "LUCA4"
    assert again.stop() == 0


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    home = tmp_path / "home"
    made = _init(home)
    served = _serve(home, made)
    person = Person(served, "SARA5")
    served.client.close()
    served.process.kill()
    served.process.wait(WAIT_S)
    again = _serve(home, made)
    answer = again.client.get("/v1/account", headers={"Authorization": f"Bearer {person.api_key}"})
    assert answer.json()["identity_code"] == "SARA5"
    assert again.stop() == 0
