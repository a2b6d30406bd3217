"""Keys, certificates and forged signatures for the tests of the wire."""

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from custode_authority.wire import cms

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
CONTENT = b'{"purpose":"test"}'


@cache
def key(name: str) -> cms.PrivateKey:
    kind, _, _ = name.partition("/")
    match kind:
        case "p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "p384":
            return ec.generate_private_key(ec.SECP384R1())
        case "k256":
            return ec.generate_private_key(ec.SECP256K1())
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))


def certificate(
    subject: cms.PrivateKey | ed25519.Ed25519PrivateKey,
    *extensions: tuple[x509.ExtensionType, bool],
    issuer: cms.PrivateKey | None = None,
    issuer_name: str = "Test CA",
    begins: datetime = NOW - timedelta(days=1),
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test subject")])
    by = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(by if issuer is None else name)
        .issuer_name(by)
        .public_key(subject.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=30))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    if issuer is not None:
        return builder.sign(issuer, SHA256())
    if isinstance(subject, ed25519.Ed25519PrivateKey):
        return builder.sign(subject, None)
    return builder.sign(subject, SHA256())


def ski(subject: cms.PrivateKey) -> tuple[x509.ExtensionType, bool]:
    return x509.SubjectKeyIdentifier.from_public_key(subject.public_key()), False


def raw_signature(subject: cms.PrivateKey, data: bytes) -> bytes:
    if isinstance(subject, rsa.RSAPrivateKey):
        return subject.sign(data, padding.PKCS1v15(), SHA256())
    return subject.sign(data, ec.ECDSA(SHA256()))


def good(kind: str = "p256") -> bytes:
    return cms.sign_with_key(CONTENT, key(kind), detached=False)
