"""Ask for certificates, list them, check one before it goes onto a token."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from custode.jobs.errors import JobError
from custode_authority.wire.messages import SIGNATURE_HEADER
from custode_drivers.portals.est import EstClient, Generating
from custode_drivers.portals.transport import Transport

if TYPE_CHECKING:
    from custode.jobs.context import Job

# The lists are not signed, a status is: asked of no certificate, it says where the log stands.
_NO_CERTIFICATE = "0" * 64


def check_csr(job: Job) -> dict[str, Any]:
    """Read a PKCS#10 (PEM or DER) a person hands in.

    :raises JobError: `csr_invalid` when it cannot be read, `csr_key` when its key is of no kind
        that anybody certifies, `integrity` when its own signature does not verify.
    """
    try:
        csr = _load_csr(job.params["csr"])
        subject = csr.subject.rfc4514_string()
    except (ValueError, TypeError, x509.InvalidVersion) as exc:  # TypeError: strange names
        raise JobError("csr_invalid", path=job.params.get("file_name")) from exc
    try:
        key_sha256 = _key_sha256(csr.public_key())
        valid = csr.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise JobError("csr_key") from exc
    if not valid:
        raise JobError("integrity", what=job.params.get("file_name"))
    der = csr.public_bytes(Encoding.DER)
    return {"der": der, "key_sha256": key_sha256, "subject": subject}


def _load_csr(data: bytes) -> x509.CertificateSigningRequest:
    if data.lstrip().startswith(b"-----"):
        return x509.load_pem_x509_csr(data)
    return x509.load_der_x509_csr(data)


def enroll(job: Job) -> dict[str, Any]:
    """Send a request by EST, or send it again to fetch what came of it.

    With `signer_spki` the body is also signed by the active certificate's key on the token: a
    further key of an identity needs that; with `renewal` it takes the signer's place.
    Gives `certificate` (DER) or `retry_after_s`.
    """
    where = job.authority_params()
    csr: bytes = job.params["csr"]
    body = base64.b64encode(csr)
    headers = {"Custode-File-Name": job.params["file_name"]}
    if (spki := job.params.get("signer_spki")) is not None:
        signature = job.token_signer(spki)(body)
        headers[SIGNATURE_HEADER] = base64.b64encode(signature).decode("ascii")
    with Transport(where.address()) as transport:
        est = EstClient(transport, job.params["code"], where.api_key())
        enroll_by = est.simplereenroll if job.params.get("renewal") else est.simpleenroll
        answer = enroll_by(csr, headers)
    if isinstance(answer, Generating):
        return {"certificate": None, "retry_after_s": answer.retry_after_s}
    return {"certificate": answer.certificate, "retry_after_s": None}


def overview(job: Job) -> dict[str, Any]:
    """Every operation and every backup of the account, as the authority has them now.

    `head` is the signed state of its log that they were read from, or from a later one's.
    """
    with job.authority() as authority:
        head = authority.status(_NO_CERTIFICATE)
        return {
            "head": {"audit_head": head.audit_head, "at": head.at.isoformat()},
            "operations": [msgspec.to_builtins(row) for row in authority.certificates()],
            "backups": [msgspec.to_builtins(row) for row in authority.backups()],
            "ceased": authority.account().ceased,
        }


def check(job: Job) -> dict[str, Any]:
    """Judge a certificate before it is installed: issued by the pinned authority, for which key.

    :raises JobError: `certificate_invalid` when it is not one the pinned authority issued.
    """
    where = job.authority_params()
    ca = x509.load_der_x509_certificate(where.address().pinned_ca_der())
    certificate = read_certificate(job.params["certificate"])
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as exc:
        raise JobError("certificate_invalid") from exc
    return describe(certificate)


def read_certificate(data: bytes) -> x509.Certificate:
    """Read a certificate (PEM or DER) that a person hands in; nothing is verified.

    :raises JobError: `certificate_invalid` when it cannot be read, to its key and its last day.
    """
    try:
        pem = data.lstrip().startswith(b"-----")
        load = x509.load_pem_x509_certificate if pem else x509.load_der_x509_certificate
        certificate = load(data)
        describe(certificate)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as exc:
        raise JobError("certificate_invalid") from exc
    return certificate


def describe(certificate: x509.Certificate) -> dict[str, Any]:
    """What the agent keeps of a certificate."""
    der = certificate.public_bytes(Encoding.DER)
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {
        "der": der,
        "spki": spki,
        "key_sha256": hashlib.sha256(spki).hexdigest(),
        "fingerprint_sha256": hashlib.sha256(der).hexdigest(),
        "serial_number": f"{certificate.serial_number:x}",
        "subject": certificate.subject.rfc4514_string(),
        "not_before": certificate.not_valid_before_utc.isoformat(),
        "expires_at": certificate.not_valid_after_utc.isoformat(),
    }


def _key_sha256(public_key: Any) -> str:
    spki = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()
