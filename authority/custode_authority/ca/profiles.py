"""What stands in each certificate the authority makes (RFC 5280 §4.2)."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from custode_authority.wire.oids import STATEMENT_SIGNING

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

CA_LIFE: Final = timedelta(days=20 * 365)
TLS_LIFE: Final = timedelta(days=397)
RESPONDER_LIFE: Final = timedelta(days=90)  # nobody asks whether it was revoked: short
RENEW_BEFORE: Final = timedelta(days=30)


def ca_certificate(
    key: ec.EllipticCurvePrivateKey, name: str, *, now: datetime
) -> x509.Certificate:
    """Self-signed, pathlen 0, may sign certificates and CRLs only."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    public_key = key.public_key()
    usage = _usage(key_cert_sign=True, crl_sign=True)
    return (
        _builder(subject, subject, public_key, now, now + CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .sign(key, hashes.SHA384())
    )


def user_certificate(
    public_key: PublicKey,
    common_name: str,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    *,
    crl_url: str,
    ocsp_url: str,
    now: datetime,
    until: datetime,
) -> x509.Certificate:
    """A person's certificate: signature and non-repudiation, client and mail; never past the CA."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    until = min(until, ca.not_valid_after_utc)
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
    ocsp = x509.AccessDescription(
        AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp_url)
    )
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION]
    builder = _builder(subject, ca.subject, public_key, now, until)
    builder = _end_entity(builder, public_key, ca)
    return (
        builder.add_extension(
            _usage(digital_signature=True, content_commitment=True), critical=True
        )
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.CRLDistributionPoints([point]), critical=False)
        .add_extension(x509.AuthorityInformationAccess([ocsp]), critical=False)
        .sign(ca_key, hashes.SHA384())
    )


def statement_certificate(
    public_key: ec.EllipticCurvePublicKey,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    *,
    now: datetime,
) -> x509.Certificate:
    """The certificate of the key that signs statuses and grants, and of no other key."""
    common_name = f"{_common_name(ca)} – statements"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = _builder(subject, ca.subject, public_key, now, ca.not_valid_after_utc)
    return (
        _end_entity(builder, public_key, ca)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([STATEMENT_SIGNING]), critical=True)
        .sign(ca_key, hashes.SHA384())
    )


def responder_certificate(
    public_key: ec.EllipticCurvePublicKey,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    *,
    now: datetime,
) -> x509.Certificate:
    """The delegated OCSP responder's (RFC 6960 §4.2.2.2), not to be checked itself (§4.2.2.2.1)."""
    common_name = f"{_common_name(ca)} – OCSP"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    until = min(now + RESPONDER_LIFE, ca.not_valid_after_utc)
    builder = _builder(subject, ca.subject, public_key, now, until)
    return (
        _end_entity(builder, public_key, ca)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
        .add_extension(x509.OCSPNoCheck(), critical=False)
        .sign(ca_key, hashes.SHA384())
    )


def server_certificate(
    public_key: ec.EllipticCurvePublicKey,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    *,
    now: datetime,
) -> x509.Certificate:
    """The HTTPS server's, for this computer's own names only (RFC 6125)."""
    names: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.DNSName("localhost"),
    ]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    until = min(now + TLS_LIFE, ca.not_valid_after_utc)
    builder = _builder(subject, ca.subject, public_key, now, until)
    return (
        _end_entity(builder, public_key, ca)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(ca_key, hashes.SHA384())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: PublicKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _end_entity(
    builder: x509.CertificateBuilder, public_key: PublicKey, ca: x509.Certificate
) -> x509.CertificateBuilder:
    ski = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski)
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(authority, critical=False)
    )


def _common_name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _usage(
    *,
    digital_signature: bool = False,
    content_commitment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=content_commitment,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
