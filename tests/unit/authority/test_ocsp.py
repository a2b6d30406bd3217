"""The responder's answers, with a clock that stands still; openssl's word is in test_served."""

import base64
from datetime import timedelta
from typing import Any

import anyio
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from custode_authority.ca.ocsp import LIFE, Responder
from custode_authority.web.revocation import revocation_app

STATUS = ocsp.OCSPResponseStatus
FATE = ocsp.OCSPCertStatus
SHA1 = hashes.SHA1()  # noqa: S303 - what most clients name a certificate with (RFC 6960 §4.1.1)


@pytest.fixture
def responder(authority: Any) -> Responder:
    return Responder(authority)


def _request(authority: Any, der: bytes, *extensions: tuple[Any, bool]) -> bytes:
    certificate = x509.load_der_x509_certificate(der)
    ca = authority.keys.ca_certificate
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, ca, SHA1)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.build().public_bytes(Encoding.DER)


def _by_hash(serial_number: int, algorithm: Any, name: bytes, key: bytes) -> bytes:
    builder = ocsp.OCSPRequestBuilder()
    return (
        builder.add_certificate_by_hash(name, key, serial_number, algorithm)
        .build()
        .public_bytes(Encoding.DER)
    )


def _status(responder: Responder, request: bytes) -> ocsp.OCSPResponseStatus:
    return ocsp.load_der_ocsp_response(responder.answer(request)).response_status


@pytest.mark.parametrize(
    ("reason", "flag"),
    [
        ("lost", x509.ReasonFlags.certificate_hold),
        ("theft", x509.ReasonFlags.key_compromise),
        ("other", None),  # unspecified is left out
        ("malfunction", x509.ReasonFlags.certificate_hold),
        ("ceased", x509.ReasonFlags.cessation_of_operation),
    ],
)
def test_it_says_what_the_crl_says(
    responder: Responder, anna: Any, clock: Any, reason: str, flag: Any
) -> None:
    mine = anna.certified()
    request = _request(anna.authority, mine[1])
    good = ocsp.load_der_ocsp_response(responder.answer(request))
    assert good.certificate_status is FATE.GOOD
    assert good.this_update_utc == clock.now().replace(microsecond=0)
    assert good.next_update_utc == good.this_update_utc + LIFE
    clock.forward(hours=1)
    ended_at = clock.now().replace(microsecond=0)
    if reason in {"lost", "theft", "malfunction"}:
        assert anna.report(mine, reason).status_code == 201
    else:
        assert anna.cancel(mine, by=mine, reason=reason).status_code == 201
    clock.forward(days=2)
    revoked = ocsp.load_der_ocsp_response(responder.answer(request))
    assert revoked.certificate_status is FATE.REVOKED
    assert (revoked.revocation_reason, revoked.revocation_time_utc) == (flag, ended_at)


def test_it_is_signed_by_a_delegate_of_the_ca(responder: Responder, anna: Any) -> None:
    request = _request(anna.authority, anna.certified()[1])
    response = ocsp.load_der_ocsp_response(responder.answer(request))
    (delegate,) = response.certificates
    delegate.verify_directly_issued_by(anna.authority.keys.ca_certificate)
    uses = delegate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.OCSP_SIGNING]
    assert x509.OCSPNoCheck() in [one.value for one in delegate.extensions]
    key = delegate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert response.signature_hash_algorithm is not None
    key.verify(
        response.signature,
        response.tbs_response_bytes,
        ec.ECDSA(response.signature_hash_algorithm),
    )


@pytest.mark.parametrize("length", [1, 16, 32, 128])
def test_the_nonce_comes_back(responder: Responder, authority: Any, length: int) -> None:
    ca = authority.keys.ca_certificate.public_bytes(Encoding.DER)
    nonce = x509.OCSPNonce(bytes(range(length)))
    response = ocsp.load_der_ocsp_response(
        responder.answer(_request(authority, ca, (nonce, False)))
    )
    assert [one.value for one in response.extensions] == [nonce]
    without = ocsp.load_der_ocsp_response(responder.answer(_request(authority, ca)))
    assert list(without.extensions) == []


@pytest.mark.parametrize("length", [0, 129])
def test_nonces_that_rfc_9654_forbids(responder: Responder, authority: Any, length: int) -> None:
    ca = authority.keys.ca_certificate.public_bytes(Encoding.DER)
    request = _request(authority, ca, (x509.OCSPNonce(bytes(length)), False))
    assert _status(responder, request) is STATUS.MALFORMED_REQUEST


def test_what_is_no_request(responder: Responder, authority: Any) -> None:
    ca = authority.keys.ca_certificate.public_bytes(Encoding.DER)
    sound = _request(authority, ca)
    assert _status(responder, sound) is STATUS.SUCCESSFUL
    for length in range(len(sound)):
        assert _status(responder, sound[:length]) is STATUS.MALFORMED_REQUEST
    assert _status(responder, sound + b"\0") is STATUS.MALFORMED_REQUEST
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0")
    critical = _request(authority, ca, (unknown, True))
    assert _status(responder, critical) is STATUS.MALFORMED_REQUEST
    assert _status(responder, _request(authority, ca, (unknown, False))) is STATUS.SUCCESSFUL


def test_it_never_fails_otherwise_whatever_byte_is_wrong(
    responder: Responder, authority: Any
) -> None:
    nonce = x509.OCSPNonce(b"n" * 16)
    ca = authority.keys.ca_certificate.public_bytes(Encoding.DER)
    sound = _request(authority, ca, (nonce, False))
    seen = set()
    for place in range(len(sound)):
        for flip in (0x01, 0x80):
            changed = bytearray(sound)
            changed[place] ^= flip
            seen.add(_status(responder, bytes(changed)))
    expected = {STATUS.SUCCESSFUL, STATUS.MALFORMED_REQUEST, STATUS.UNAUTHORIZED}
    assert seen == expected


def test_other_cas_are_not_answered_for(responder: Responder, authority: Any) -> None:
    ca = authority.keys.ca_certificate
    about = ocsp.OCSPRequestBuilder().add_certificate(ca, ca, hashes.SHA256()).build()
    name, key = about.issuer_name_hash, about.issuer_key_hash
    other = bytes(32)
    for hashed in ((name, other), (other, key), (other, other)):
        request = _by_hash(5, hashes.SHA256(), *hashed)
        assert _status(responder, request) is STATUS.UNAUTHORIZED
    for serial_number in (0, 5, 2**159):
        request = _by_hash(serial_number, hashes.SHA256(), name, key)
        answer = ocsp.load_der_ocsp_response(responder.answer(request))
        assert answer.certificate_status is FATE.UNKNOWN
        assert answer.serial_number == serial_number
    negative = _by_hash(5, hashes.SHA256(), name, key)[:-1] + b"\xfb"
    assert _status(responder, negative) is STATUS.MALFORMED_REQUEST


def test_its_certificate_is_renewed_in_time_and_made_where_there_is_none(
    responder: Responder, authority: Any, clock: Any
) -> None:
    request = _request(authority, authority.keys.ca_certificate.public_bytes(Encoding.DER))
    folder = authority.home.keys

    def used(by: Responder) -> x509.Certificate:
        (found,) = ocsp.load_der_ocsp_response(by.answer(request)).certificates
        return found

    assert not (folder / "ocsp.key").exists()  # as in a home that was made before there was OCSP
    first = used(responder)
    assert used(Responder(authority)) == first
    clock.forward(days=59)
    assert used(responder) == first
    clock.forward(days=2)
    second = used(responder)
    assert second.not_valid_after_utc - first.not_valid_after_utc == timedelta(days=61)
    (folder / "ocsp.pem").write_bytes(first.public_bytes(Encoding.PEM))  # that does not fit its key
    assert used(Responder(authority)) not in {first, second}


def test_a_busy_database_and_a_fault_have_their_words(
    responder: Responder, authority: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = _request(authority, authority.keys.ca_certificate.public_bytes(Encoding.DER))
    monkeypatch.setattr("custode_authority.storage.database.BUSY_S", 0.01)
    with authority.db.transaction():
        assert _status(responder, request) is STATUS.TRY_LATER
    (authority.home.keys / "ocsp.key").mkdir()  # nothing can be written there
    assert _status(responder, request) is STATUS.INTERNAL_ERROR


# --- over HTTP (RFC 6960 appendix A) ----------------------------------------------------------


def test_what_is_asked_wrongly_over_http(authority: Any) -> None:
    ca = authority.keys.ca_certificate.public_bytes(Encoding.DER)
    der = _request(authority, ca)
    encoded = base64.b64encode(der).decode()
    kind = {"Content-Type": "application/ocsp-request"}

    served: Any = revocation_app(authority)
    app = httpx.ASGITransport(app=served)

    async def ask() -> None:
        async with httpx.AsyncClient(transport=app, base_url="http://plain") as plain:
            for nonsense in (
                await plain.post("/ocsp", content=der + b"x", headers=kind),
                await plain.post("/ocsp", headers=kind),
                await plain.get("/ocsp/no*base64"),
            ):
                assert nonsense.status_code == 200
                found = ocsp.load_der_ocsp_response(nonsense.content)
                assert found.response_status is STATUS.MALFORMED_REQUEST
            assert (await plain.post("/ocsp", content=der)).status_code == 415
            assert (
                await plain.post("/ocsp", content=bytes(20_000), headers=kind)
            ).status_code == 413
            assert (await plain.get("/ocsp")).headers["allow"] == "POST"
            assert (await plain.delete(f"/ocsp/{encoded}")).headers["allow"] == "GET, HEAD"
            head = await plain.head(f"/ocsp/{encoded}")
            assert (head.status_code, head.content) == (200, b"")
            assert (await plain.get("/v1/account")).status_code == 404

    anyio.run(ask)
