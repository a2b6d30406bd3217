"""One backup for all tests: deriving keys from PINs costs half a second each time, by intention."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from custode.container import inner, iwk
from custode_authority.wire.manifest import Manifest
from custode_authority.wire.states import BackupKind

PIN = b"a fine backup PIN"


@dataclass(frozen=True)
class Backup:
    """Everybody's part of one backup."""

    original: rsa.RSAPrivateKey
    certificate: x509.Certificate
    successor: ec.EllipticCurvePrivateKey
    recovery: ec.EllipticCurvePrivateKey
    manifest: Manifest
    inner: bytes
    data: bytes

    def sign(self, data: bytes) -> bytes:
        return self.original.sign(data, padding.PKCS1v15(), SHA256())

    @property
    def container(self) -> iwk.Container:
        return iwk.parse(self.data)


def make_certificate(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test original")])
    begins = datetime.now(UTC) - timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=30))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )


@pytest.fixture(scope="session")
def pin() -> bytes:
    return PIN


@pytest.fixture(scope="session")
def backup() -> Backup:
    original = rsa.generate_private_key(65537, 2048)
    certificate = make_certificate(original)
    successor = ec.generate_private_key(ec.SECP256R1())
    recovery = ec.generate_private_key(ec.SECP256R1())
    about = Manifest(
        backup_id="0123456789abcdef" * 2,
        kind=BackupKind.SUCCESSOR,
        identity_code="PROVA01",
        original_sha256=certificate.fingerprint(SHA256()).hex(),
        successor_sha256=inner.key_sha256(successor),
        created=datetime(2026, 5, 4, 12, 30, 15, tzinfo=UTC),
        authority_name="Autorità di prova",
        authority_address="https://127.0.0.1:8443",
        salt=bytes(range(16)),
    )
    sealed = inner.seal(successor, PIN)
    data = iwk.build(
        about,
        sealed,
        recovery.public_key(),
        lambda data: original.sign(data, padding.PKCS1v15(), SHA256()),
        certificate,
        trial=lambda _: None,
    )
    return Backup(original, certificate, successor, recovery, about, sealed, data)


def rtf_to_text(data: bytes) -> str:
    r"""Read as RTF readers do: groups, control words, \'xx, \uN with one character skipped."""
    text = data.decode("ascii")
    pattern = re.compile(
        r"\\u(-?\d+)\??|\\'([0-9a-f]{2})|\\([a-z]+)(-?\d+)? ?|\\([\\{}])|([{}])|\n|(.)"
    )
    units: list[int] = []
    depth = 0
    for unicode_, hexed, word, _, literal, brace, plain in pattern.findall(text):
        depth += {"{": 1, "}": -1}.get(brace, 0)
        if depth != 1:  # the font table, or behind the end
            continue
        if unicode_:
            units.append(int(unicode_) % 0x10000)
        elif hexed:
            units.append(ord(bytes.fromhex(hexed).decode("cp1252")))
        elif word in {"par", "tab"}:
            units.append(ord("\n" if word == "par" else "\t"))
        elif literal or plain:
            units.append(ord(literal or plain))
    assert depth == 0, "groups are not closed"
    return b"".join(unit.to_bytes(2, "little") for unit in units).decode("utf-16-le")
