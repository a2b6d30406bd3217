"""Certificates and keys for tests, as bytes."""

from __future__ import annotations

import datetime as dt
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
)

COMMON_NAME: Final = "RSSMRA80A01H501U"
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Public = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


def certificate_for(public_key: bytes, serial: int = 1) -> bytes:
    """Return a certificate over someone's SubjectPublicKeyInfo, by a CA that is then forgotten."""
    ca = ec.generate_private_key(ec.SECP256R1())
    key = load_der_public_key(public_key)
    assert isinstance(key, Public)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, COMMON_NAME)])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, key, serial, start, start.replace(year=2029))
    return builder.sign(ca, hashes.SHA256()).public_bytes(Encoding.DER)


def spki(key: Public) -> bytes:
    """Return SubjectPublicKeyInfo DER."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pkcs8(key: Private) -> bytes:
    """Return PKCS #8 DER, not encrypted."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
