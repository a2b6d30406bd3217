"""The CRL: full, signed by the CA, made anew when something changed or half its life is over."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import delete, select

from custode_authority.ca.revocation import reason_flag, since
from custode_authority.storage.tables import Certificate, CrlRow, Setting

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from custode_authority.ca.authority import Authority

_KEPT: Final = 16  # older CRLs are dropped; the numbers go on


def current(authority: Authority) -> bytes:
    """Return the CRL as it is now, DER."""
    now = authority.clock.now()
    with authority.db.transaction() as tx:
        revision = tx.get_one(Setting, "crl_revision", with_for_update=True).value
        last = tx.scalars(select(CrlRow).order_by(CrlRow.number.desc()).limit(1)).first()
        if last is not None and last.revision == revision and _fresh(last, now):
            return last.der
        row = _made(tx, authority, last.number + 1 if last else 1, revision, now)
        tx.add(row)
        tx.execute(delete(CrlRow).where(CrlRow.number <= row.number - _KEPT))
        return row.der


def _fresh(row: CrlRow, now: datetime) -> bool:
    half = row.this_update + (row.next_update - row.this_update) / 2
    return row.this_update <= now < half


def _made(tx: Session, authority: Authority, number: int, revision: int, now: datetime) -> CrlRow:
    start = now.replace(microsecond=0)
    end = start + timedelta(seconds=authority.settings.crl_life_s)
    ca = authority.keys.ca_certificate
    ski = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ca.subject)
        .last_update(start)
        .next_update(end)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski), critical=False
        )
    )
    # Ended ones stay on it after their expiry too: old signatures are checked for a long time.
    ended = select(Certificate).where(Certificate.crl_reason.is_not(None)).order_by(Certificate.id)
    for certificate in tx.scalars(ended):
        builder = builder.add_revoked_certificate(_entry(certificate))
    crl = builder.sign(authority.keys.ca_key, hashes.SHA384())
    der = crl.public_bytes(Encoding.DER)
    return CrlRow(number=number, revision=revision, this_update=start, next_update=end, der=der)


def _entry(certificate: Certificate) -> x509.RevokedCertificate:
    builder = (
        x509.RevokedCertificateBuilder()
        .serial_number(int(certificate.serial_number, 16))
        .revocation_date(since(certificate))
    )
    flag = reason_flag(certificate)
    if flag is not None:
        builder = builder.add_extension(x509.CRLReason(flag), critical=False)
    if certificate.invalidity_date is not None:
        invalid_from = certificate.invalidity_date.replace(microsecond=0)
        builder = builder.add_extension(x509.InvalidityDate(invalid_from), critical=False)
    return builder.build()
