"""A PKCS#10 comes in: checked, matched with what is known, taken or refused."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from custode_authority.certificates.operations import open_operation
from custode_authority.certificates.settling import settle
from custode_authority.certificates.signatures import active_signer
from custode_authority.domain.enrolling import Decision, Standing, certifiable, decide
from custode_authority.errors import Refused
from custode_authority.storage import audit, key_registry
from custode_authority.storage.tables import Account, Certificate, Operation, OperationKind
from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.states import CertificateState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from custode_authority.ca.authority import Authority

DESK_RETRY_S: Final = 60

_S = CertificateState
_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


@dataclass(frozen=True, slots=True)
class Submission:
    """A request as it came: the DER PKCS#10, the exact body with the signature over it."""

    csr: bytes
    body: bytes
    signature: str | None = None
    file_name: str = ""
    renewal: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The operation, and the certificate (DER) or how long to wait for it."""

    id_operazione: str
    certificate: bytes | None
    retry_after_s: int


def enrol(tx: Session, authority: Authority, account: Account, submission: Submission) -> Outcome:
    """Take a request, or say what became of the same one sent before (rule 4).

    :raises Refused: CSR_… and KEY_… when it is not to be certified; SIGNATURE_REQUIRED or
        SIGNATURE_INVALID by rule 5; FORBIDDEN when this very request was rejected.
    """
    now = authority.clock.now()
    settle(tx, authority, account, now=now)
    operation = _same_request(tx, account, submission.csr)
    if operation is None:
        operation = _take(tx, authority, account, submission, now)
        settle(tx, authority, account, now=now)
    return _outcome(operation, now)


def _same_request(tx: Session, account: Account, csr: bytes) -> Operation | None:
    query = (
        select(Operation)
        .where(Operation.account_id == account.id, Operation.csr_sha256 == sha256(csr).hexdigest())
        .order_by(Operation.requested_at.desc(), Operation.id.desc())
    )
    found = tx.scalars(query).first()
    if found is None:
        return None
    if found.state is _S.REJECTED:
        # Sent again it would slip in once what it was rejected for is past. Poll and new request
        # look the same in EST, so the answer stays: a new request is made of a new PKCS#10.
        raise Refused(
            ProblemCode.FORBIDDEN,
            "this request was rejected",
            {"id_operazione": found.id, "outcome": found.outcome},
        )
    if found.certificate is None or found.certificate.state is _S.ACTIVE:
        return found
    return None


def _take(
    tx: Session, authority: Authority, account: Account, submission: Submission, now: datetime
) -> Operation:
    key_sha256 = check_csr(submission.csr, account.codice_fiscale)
    key_registry.claim(tx, account, key_sha256, now=now)
    signer = None
    if submission.signature is not None:
        signer = active_signer(tx, account, submission.body, submission.signature)
    decision = decide(_standing(tx, authority, account, submission, signer))
    if decision is Decision.WANT_SIGNATURE:
        raise Refused(
            ProblemCode.SIGNATURE_REQUIRED, "an active certificate must sign this request"
        )
    kind = OperationKind.REENROLL if submission.renewal else OperationKind.ENROLL
    operation = open_operation(tx, account, kind, submission.csr, key_sha256, now=now)
    operation.file_name = submission.file_name
    operation.signer_id = signer.id if signer else None
    if decision is Decision.ASK_DESK:
        operation.state = _S.REQUESTED
    else:
        operation.ready_at = now + timedelta(seconds=authority.settings.generation_s)
    audit.append(
        tx,
        "request.taken",
        {
            "identity_code": account.identity_code,
            "id_operazione": operation.id,
            "state": operation.state.value,
            "signer": signer.serial_number if signer else None,
        },
        at=now,
    )
    return operation


def _standing(
    tx: Session,
    authority: Authority,
    account: Account,
    submission: Submission,
    signer: Certificate | None,
) -> Standing:
    states = set(tx.scalars(select(Certificate.state).where(Certificate.account_id == account.id)))
    return Standing(
        ever_certified=bool(states),
        active=_S.ACTIVE in states,
        suspended=_S.SUSPENDED in states,
        signed=signer is not None,
        renewal=submission.renewal,
        desk=authority.settings.enrolment == "desk",
    )


def _outcome(operation: Operation, now: datetime) -> Outcome:
    if operation.certificate is not None:
        return Outcome(operation.id, operation.certificate.der, 0)
    if operation.ready_at is None:
        return Outcome(operation.id, None, DESK_RETRY_S)
    wait_s = math.ceil((operation.ready_at - now).total_seconds())
    return Outcome(operation.id, None, max(wait_s, 1))


def check_csr(der: bytes, codice_fiscale: str) -> str:
    """Check a DER PKCS#10 and return the SHA-256 of its SubjectPublicKeyInfo, hex.

    :raises Refused: MALFORMED, CSR_KEY, CSR_SIGNATURE (no proof of possession) or CSR_SUBJECT.
    """
    try:
        csr = x509.load_der_x509_csr(der)
        subject = list(csr.subject)
    except (ValueError, TypeError, x509.InvalidVersion) as exc:  # TypeError: strange names
        raise Refused(ProblemCode.MALFORMED, "not a PKCS#10") from exc
    try:
        key = csr.public_key()
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise Refused(ProblemCode.CSR_KEY, "the key cannot be read") from exc
    if not certifiable(key):
        raise Refused(ProblemCode.CSR_KEY, "the key must be RSA 2048-4096, P-256 or P-384")
    if not _possessed(csr):
        raise Refused(ProblemCode.CSR_SIGNATURE, "the request is not signed by its own key")
    named = [(part.oid, part.value) for part in subject]
    if named != [(NameOID.COMMON_NAME, codice_fiscale)]:
        raise Refused(ProblemCode.CSR_SUBJECT, "the subject must be the codice fiscale as CN only")
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(spki).hexdigest()


def _possessed(csr: x509.CertificateSigningRequest) -> bool:
    try:
        return isinstance(csr.signature_hash_algorithm, _HASHES) and csr.is_signature_valid
    except (ValueError, UnsupportedAlgorithm):
        return False
