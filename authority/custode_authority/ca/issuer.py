"""Every change of a certificate's state, from its issue to its end.

All of it goes through `CERTIFICATE_TABLE`; a recorded reason is only ever raised; each change ends
the account's unspent nonces, grows the certificate's revision and leaves a line in the audit log.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from custode_authority.ca import profiles
from custode_authority.domain.retirement import retire_copies, retire_replaced
from custode_authority.errors import Refused
from custode_authority.storage import audit, key_registry, nonces
from custode_authority.storage.tables import Certificate, Operation, Setting
from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.reasons import CrlReason, may_raise
from custode_authority.wire.states import CertificateState, certificate_may

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from custode_authority.ca.authority import Authority
    from custode_authority.errors import Data

_S = CertificateState


def issue(
    tx: Session,
    authority: Authority,
    operation: Operation,
    *,
    now: datetime,
    in_place_of: Sequence[Certificate] = (),
    except_backup: str | None = None,
) -> Certificate:
    """Issue the certificate of a generating operation, for the key in its PKCS#10.

    The backups of the originals in whose place it comes are retired in this same transaction, all
    but `except_backup` (the one being activated).

    :raises Refused: NOT_ACTIVE when the operation is not generating; KEY_… when its key may no
        longer be certified.
    """
    account = operation.account
    if not certificate_may(operation.state, _S.ACTIVE):
        raise Refused(ProblemCode.NOT_ACTIVE, f"the operation is {operation.state}")
    key_registry.claim(tx, account, operation.key_sha256, now=now)
    certificate = _made(authority, operation, now)
    certificate.predecessor_id = in_place_of[0].id if in_place_of else None
    operation.state = _S.ACTIVE
    operation.certificate = certificate
    account.ceased = False
    tx.add(certificate)
    tx.flush()
    retire_replaced(tx, in_place_of, "replaced", now=now, except_backup=except_backup)
    nonces.kill_for_account(tx, account)
    _log(tx, "certificate.issued", certificate, now, key=certificate.key_sha256)
    return certificate


def suspend(
    tx: Session, certificate: Certificate, *, now: datetime, invalidity_date: datetime | None = None
) -> None:
    """Put an active certificate on hold; a suspended one stays as it is.

    :raises Refused: NOT_ACTIVE in every other state.
    """
    if certificate.state is _S.SUSPENDED:
        return
    _require(certificate, _S.SUSPENDED)
    certificate.state = _S.SUSPENDED
    certificate.crl_reason = CrlReason.CERTIFICATE_HOLD
    certificate.suspended_at = now
    certificate.invalidity_date = invalidity_date
    _changed(tx, certificate, "certificate.suspended", now)


def reinstate(tx: Session, certificate: Certificate, *, now: datetime) -> None:
    """Make a suspended certificate active again; nothing of the hold remains.

    :raises Refused: NOT_ACTIVE in every other state.
    """
    _require(certificate, _S.ACTIVE)
    certificate.state = _S.ACTIVE
    certificate.crl_reason = None
    certificate.suspended_at = None
    certificate.invalidity_date = None
    _changed(tx, certificate, "certificate.reinstated", now)


def cancel(
    tx: Session,
    certificate: Certificate,
    reason: CrlReason,
    *,
    now: datetime,
    invalidity_date: datetime | None = None,
    cancellation_id: str | None = None,
) -> None:
    """Cancel for good, or raise the reason of one already cancelled.

    keyCompromise marks the key for ever, and ends every other certificate of that same key.

    :raises Refused: NOT_ACTIVE when it is expired, or cancelled for a reason that is no lower.
    :raises ValueError: when `reason` is a hold, which is no end.
    """
    if reason is CrlReason.CERTIFICATE_HOLD:
        raise ValueError("a hold does not cancel")
    _end(tx, certificate, reason, now, invalidity_date, cancellation_id)
    if reason is CrlReason.KEY_COMPROMISE:
        compromise(tx, certificate, now=now, invalidity_date=invalidity_date)


def compromise(
    tx: Session,
    certificate: Certificate,
    *,
    now: datetime,
    invalidity_date: datetime | None = None,
) -> None:
    """Mark the certificate's key as compromised; end its copies and its other certificates."""
    key_registry.compromise(tx, certificate.key_sha256, now=now)
    retire_copies(tx, certificate.key_sha256, now=now)
    query = select(Certificate).where(
        Certificate.key_sha256 == certificate.key_sha256, Certificate.id != certificate.id
    )
    for other in tx.scalars(query):
        reason = other.crl_reason
        may_end = certificate_may(other.state, _S.CANCELLED)
        raised = other.state is _S.CANCELLED and reason is not None
        if may_end or (raised and reason and may_raise(reason, CrlReason.KEY_COMPROMISE)):
            _end(tx, other, CrlReason.KEY_COMPROMISE, now, invalidity_date, None)


def expire(tx: Session, certificate: Certificate, *, now: datetime) -> None:
    """Note that a certificate's time is over.

    :raises Refused: NOT_ACTIVE when it ended otherwise before.
    """
    _require(certificate, _S.EXPIRED)
    certificate.state = _S.EXPIRED
    _changed(tx, certificate, "certificate.expired", now)


def _end(
    tx: Session,
    certificate: Certificate,
    reason: CrlReason,
    now: datetime,
    invalidity_date: datetime | None,
    cancellation_id: str | None,
) -> None:
    old = certificate.crl_reason
    if old is not None and not may_raise(old, reason):
        raise _not_active(certificate)
    if certificate.state is not _S.CANCELLED:
        _require(certificate, _S.CANCELLED)
        certificate.state = _S.CANCELLED
        certificate.cancelled_at = now
        certificate.cancellation_id = cancellation_id
    certificate.crl_reason = reason
    certificate.invalidity_date = invalidity_date or certificate.invalidity_date
    _changed(tx, certificate, "certificate.cancelled", now, crl_reason=reason.value)


def _require(certificate: Certificate, new: CertificateState) -> None:
    if not certificate_may(certificate.state, new):
        raise _not_active(certificate)


def _not_active(certificate: Certificate) -> Refused:
    data: Data = {"id_operazione": certificate.operation_id, "state": certificate.state.value}
    return Refused(ProblemCode.NOT_ACTIVE, f"the certificate is {certificate.state}", data)


def _changed(
    tx: Session, certificate: Certificate, name: str, now: datetime, **data: str | int | None
) -> None:
    certificate.revision += 1
    certificate.changed_at = now
    revision = tx.get_one(Setting, "crl_revision", with_for_update=True)
    revision.value += 1
    nonces.kill_for_account(tx, certificate.account)
    _log(tx, name, certificate, now, **data)


def _log(
    tx: Session, name: str, certificate: Certificate, now: datetime, **data: str | int | None
) -> None:
    about: Data = {
        "identity_code": certificate.account.identity_code,
        "id_operazione": certificate.operation_id,
        "serial_number": certificate.serial_number,
    }
    audit.append(tx, name, about | data, at=now)


def _made(authority: Authority, operation: Operation, now: datetime) -> Certificate:
    public_key = x509.load_der_x509_csr(operation.csr).public_key()
    if not isinstance(public_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise Refused(ProblemCode.CSR_KEY, "the key is of a kind that is not certified")
    start = now.replace(microsecond=0)
    made = profiles.user_certificate(
        public_key,
        operation.account.codice_fiscale,
        authority.keys.ca_certificate,
        authority.keys.ca_key,
        crl_url=authority.settings.crl_url,
        ocsp_url=authority.settings.ocsp_url,
        now=start,
        until=start + timedelta(days=authority.settings.validity_days),
    )
    der = made.public_bytes(Encoding.DER)
    ski = made.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return Certificate(
        operation_id=operation.id,
        account=operation.account,
        der=der,
        serial_number=f"{made.serial_number:x}",
        fingerprint_sha256=sha256(der).hexdigest(),
        key_sha256=operation.key_sha256,
        key_id=ski.key_identifier.hex(),
        not_before=made.not_valid_before_utc,
        not_after=made.not_valid_after_utc,
        issued_at=now,
        state=_S.ACTIVE,
        changed_at=now,
    )
