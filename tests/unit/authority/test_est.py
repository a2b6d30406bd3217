import base64
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID
from litestar.testing import TestClient

from custode_authority.ca.authority import Authority
from custode_authority.ca.home import Settings
from custode_authority.web.app import counter_app

P256 = ec.SECP256R1()


def _code(answer: Any) -> str:
    code: str = answer.json()["code"]
    return code


def _with(authority: Authority, **changes: Any) -> Authority:
    settings = msgspec.structs.replace(authority.settings, **changes)
    assert isinstance(settings, Settings)
    return Authority(authority.home, settings, authority.db, authority.clock, authority.keys)


@pytest.fixture
def slow(authority: Authority, contract: Any) -> Any:
    """The same counter, where a request stays 30 seconds in generation."""
    with TestClient(counter_app(_with(authority, generation_s=30))) as client:
        client.event_hooks["response"].append(contract.check)
        yield client


def test_a_first_certificate_needs_the_api_key_only(anna: Any, clock: Any) -> None:
    key, der = anna.certified()
    certificate = x509.load_der_x509_certificate(der)
    certificate.verify_directly_issued_by(anna.authority.keys.ca_certificate)
    assert certificate.public_key() == key.public_key()
    assert certificate.subject.rfc4514_string() == f"CN={anna.codice_fiscale}"
    assert certificate.not_valid_before_utc == clock.now().replace(microsecond=0)
    assert certificate.not_valid_after_utc == certificate.not_valid_before_utc + timedelta(days=365)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.content_commitment) == (True, True)
    assert not usage.key_cert_sign
    point = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value[0]
    assert point.full_name is not None
    assert point.full_name[0].value == anna.authority.settings.crl_url


def test_generation_takes_its_time_and_the_same_request_is_the_same_operation(
    slow: Any, anna: Any, clock: Any
) -> None:
    anna._client = slow
    csr = anna.csr(ec.generate_private_key(P256))
    named = {"Custode-File-Name": "C:\\documenti\\richiesta\x01.csr"}
    first = anna.send(csr, headers=named)
    assert (first.status_code, first.headers["retry-after"]) == (202, "30")
    clock.forward(seconds=12.5)
    again = anna.send(csr)
    assert (again.status_code, again.headers["retry-after"]) == (202, "18")
    (row,) = anna.operations()
    assert (row.state, row.file_name, row.expires_at) == ("generating", "richiesta.csr", None)
    clock.forward(seconds=18)
    ready = anna.send(csr)
    assert ready.status_code == 200
    assert anna.send(csr).content == ready.content
    (row,) = anna.operations()
    assert row.state == "active"
    assert {first.headers["custode-operation"], ready.headers["custode-operation"]} == {
        row.id_operazione
    }


def test_looking_at_the_list_issues_what_is_ready(slow: Any, anna: Any, clock: Any) -> None:
    anna._client = slow
    anna.send(anna.csr(ec.generate_private_key(P256)))
    clock.forward(seconds=30)
    assert [row.state for row in anna.operations()] == ["active"]


def test_the_answer_is_one_line_of_certs_only_pkcs7(anna: Any) -> None:
    answer = anna.send(anna.csr(ec.generate_private_key(P256)))
    assert answer.headers["content-type"] == "application/pkcs7-mime; smime-type=certs-only"
    assert b"\n" not in answer.content
    assert len(pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.content))) == 1


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(lambda text: text, id="one line"),
        pytest.param(lambda text: text + b"\n", id="a final line end"),
        pytest.param(
            lambda text: b"\r\n".join(text[i : i + 64] for i in range(0, len(text), 64)),
            id="lines of 64",
        ),
    ],
)
def test_every_form_of_base64_body_is_read(anna: Any, form: Any) -> None:
    body = form(base64.b64encode(anna.csr(ec.generate_private_key(P256))))
    answer = anna._client.post(
        "/.well-known/est/simpleenroll",
        content=body,
        # RFC 8951 §3.1: whatever stands in this header does not matter
        headers={"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "binary"},
        auth=(anna.code, anna.api_key),
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/pkcs10"),
        (b"!!!!", "application/pkcs10"),
        (base64.b64encode(b"no request at all"), "application/pkcs10"),
        (b"{}", "application/json"),
    ],
)
def test_what_is_no_request_is_malformed(anna: Any, body: bytes, kind: str) -> None:
    answer = anna._client.post(
        "/.well-known/est/simpleenroll",
        content=body,
        headers={"Content-Type": kind},
        auth=(anna.code, anna.api_key),
    )
    assert (answer.status_code, _code(answer)) == (400, "malformed")


def test_credentials_are_those_of_one_identity(anna: Any, bruno: Any) -> None:
    csr = anna.csr(ec.generate_private_key(P256))
    anna.api_key = bruno.api_key
    answer = anna.send(csr)
    assert (answer.status_code, _code(answer)) == (401, "wrong_credentials")
    assert answer.headers["www-authenticate"] == 'Basic realm="custode"'
    answer = anna.get("/.well-known/est/csrattrs")
    assert (answer.status_code, answer.content) == (204, b"")


def test_subjects(anna: Any, bruno: Any) -> None:
    key = ec.generate_private_key(P256)
    assert _code(anna.send(anna.csr(key, bruno.codice_fiscale))) == "csr_subject"
    assert _code(anna.send(anna.csr(key, anna.codice_fiscale.lower()))) == "csr_subject"
    two = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, anna.codice_fiscale),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Another"),
        ]
    )
    builder = x509.CertificateSigningRequestBuilder().subject_name(two)
    csr = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    assert _code(anna.send(csr)) == "csr_subject"
    assert anna.operations() == []


def _rsa(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@pytest.mark.parametrize(
    ("make", "taken"),
    [
        (lambda: _rsa(1024), False),
        (lambda: _rsa(2048), True),
        (lambda: rsa.generate_private_key(3, 2048), False),
        (lambda: ec.generate_private_key(ec.SECP384R1()), True),
        (lambda: ec.generate_private_key(ec.SECP521R1()), False),
        (lambda: ec.generate_private_key(ec.SECP256K1()), False),
    ],
    ids=["rsa1024", "rsa2048", "rsa2048-e3", "p384", "p521", "secp256k1"],
)
def test_allowed_keys(anna: Any, make: Any, taken: bool) -> None:
    answer = anna.send(anna.csr(make()))
    assert answer.status_code == (200 if taken else 400)
    assert taken or _code(answer) == "csr_key"


def test_other_kinds_of_key_are_refused(anna: Any) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, anna.codice_fiscale)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    csr = builder.sign(ed25519.Ed25519PrivateKey.generate(), None)
    assert _code(anna.send(csr.public_bytes(Encoding.DER))) == "csr_key"


def test_proof_of_possession(anna: Any) -> None:
    csr = bytearray(anna.csr(_rsa(2048)))
    csr[-1] ^= 1
    assert _code(anna.send(bytes(csr))) == "csr_signature"


def test_a_key_belongs_to_one_identity(anna: Any, bruno: Any) -> None:
    key, _ = anna.certified()
    answer = bruno.send(bruno.csr(key))
    assert (answer.status_code, _code(answer)) == (409, "key_of_another")


def test_a_further_key_is_signed_by_an_active_certificate(anna: Any, bruno: Any) -> None:
    mine, hers = anna.certified(), bruno.certified()
    key = ec.generate_private_key(P256)
    assert _code(anna.send(anna.csr(key))) == "signature_required"
    assert _code(anna.send(anna.csr(key), hers)) == "signature_invalid"
    assert _code(anna.send(anna.csr(key), (key, b""))) == "signature_invalid"
    assert anna.send(anna.csr(key), mine).status_code == 200
    assert [row.state for row in anna.operations()] == ["active", "active"]


def test_the_signature_is_over_this_very_body(anna: Any) -> None:
    mine = anna.certified()
    other = base64.b64encode(anna.csr(ec.generate_private_key(P256)))
    headers = {"Custode-Signature": anna.sign(other, mine)}
    answer = anna.send(anna.csr(ec.generate_private_key(P256)), headers=headers)
    assert (answer.status_code, _code(answer)) == (403, "signature_invalid")


def test_an_expired_certificate_signs_nothing(anna: Any, clock: Any) -> None:
    mine = anna.certified()
    clock.forward(days=365)
    csr = anna.csr(ec.generate_private_key(P256))
    assert _code(anna.send(csr, mine)) == "signature_invalid"
    # None is active any more: it falls under the approval policy, here automatic.
    assert anna.send(csr).status_code == 200
    assert [row.state for row in anna.operations()] == ["expired", "active"]


def test_while_one_is_suspended_nothing_unsigned_is_taken(anna: Any) -> None:
    mine = anna.certified()
    assert anna.report(mine, "malfunction").status_code == 201
    csr = anna.csr(ec.generate_private_key(P256))
    assert _code(anna.send(csr)) == "signature_required"
    assert _code(anna.send(csr, mine)) == "signature_invalid"


def test_with_a_desk_a_later_request_waits(
    authority: Authority, anna: Any, clock: Any, contract: Any
) -> None:
    with TestClient(counter_app(_with(authority, enrolment="desk"))) as client:
        client.event_hooks["response"].append(contract.check)
        anna._client = client
        mine = anna.certified()  # the very first one needs no approval
        assert anna.cancel(mine, by=mine).status_code == 201
        csr = anna.csr(ec.generate_private_key(P256))
        answer = anna.send(csr)
        assert (answer.status_code, answer.headers["retry-after"]) == (202, "60")
        clock.forward(days=1)
        assert anna.send(csr).status_code == 202
        assert [row.state for row in anna.operations()] == ["cancelled", "requested"]


def test_after_cancellation_a_new_request_is_taken_even_for_the_same_key(anna: Any) -> None:
    mine = anna.certified()
    assert anna.cancel(mine, by=mine).status_code == 201
    assert anna.send(anna.csr(mine[0])).status_code == 200


def test_a_compromised_key_is_never_certified_again(anna: Any) -> None:
    mine = anna.certified()
    assert anna.cancel(mine, by=mine, reason="theft").status_code == 201
    answer = anna.send(anna.csr(mine[0]))
    assert (answer.status_code, _code(answer)) == (409, "key_compromised")


def test_renewal_is_signed_by_the_certificate_it_replaces(anna: Any, bruno: Any) -> None:
    assert _code(bruno.send(bruno.csr(_rsa(2048)), path="simplereenroll")) == "signature_required"
    mine = anna.certified()
    key = ec.generate_private_key(P256)
    refused = anna.send(anna.csr(key), path="simplereenroll")
    assert _code(refused) == "signature_required"
    assert anna.send(anna.csr(key), mine, path="simplereenroll").status_code == 200
