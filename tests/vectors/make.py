"""Makes the test vectors of docs/format.md, once: `python tests/vectors/make.py` rewrites them all.

Every run draws new keys, so the committed files are made again only for a new format version:
that the product still opens the old ones is what they are there for.
"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from custode.container import inner, iwk, outer, pin_key
from custode_authority.ca import profiles
from custode_authority.recovery import export_file, payload
from custode_authority.wire import cms, manifest, messages, oids, parameters, recovery, reseal
from custode_authority.wire.enveloped import EnvelopedContentInfo
from custode_authority.wire.manifest import Manifest
from custode_authority.wire.reasons import CrlReason
from custode_authority.wire.states import BackupKind

HERE: Final = Path(__file__).parent
PIN: Final = b"correct horse battery"
MADE: Final = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
UNTIL: Final = datetime(2125, 1, 1, tzinfo=UTC)

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Raw = dict[str, Any]


def main() -> None:
    """Write every vector anew."""
    for name, key, successor in (
        ("p256", ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())),
        ("rsa2048", rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)),
    ):
        Vector(name, key, successor).write()
    export()


class Vector:
    """One good container with everything that opens it, and its spoilt sisters."""

    def __init__(self, name: str, original: Key, successor: Key, place: Path = HERE) -> None:
        self.folder = place / name
        self.original, self.successor = original, successor
        self.certificate = certificate(original)
        self.recovery = ec.generate_private_key(ec.SECP256R1())
        self.manifest = Manifest(
            backup_id="0123456789abcdef0123456789abcdef",
            kind=BackupKind.SUCCESSOR,
            identity_code="PROVA01",
            original_sha256=self.certificate.fingerprint(SHA256()).hex(),
            successor_sha256=inner.key_sha256(successor),
            created=MADE,
            authority_name="Autorità di prova",
            authority_address="https://127.0.0.1:8443",
            salt=bytes(range(16)),
        )
        self.inner = inner.seal(successor, PIN)

    def write(self) -> None:
        """Write the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "negative").mkdir(parents=True)
        data = iwk.build(
            self.manifest,
            self.inner,
            self.recovery.public_key(),
            lambda text: _signed(self.original, text),
            self.certificate,
            trial=lambda _: None,
        )
        files = {
            "iw.iwk": data,
            "original.pem": self.certificate.public_bytes(Encoding.PEM),
            "recovery.pem": _pem(self.recovery),
            "successor.pem": _pem(self.successor),
            "pin.txt": PIN,
            "manifest.json": manifest.encode(self.manifest),
        }
        for name, content in files.items():
            (self.folder / name).write_bytes(content)
        expected = {"pin_public_key": _raw_public(PIN, self.manifest.salt)} | self.collection(data)
        (self.folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", "utf-8")
        for name, content in self.negative(data).items():
            (self.folder / "negative" / name).write_bytes(content)

    def collection(self, data: bytes) -> dict[str, str]:
        """What the authority answers at collection, and the ephemeral key it is sealed to."""
        container = iwk.parse(data)
        ca, signer, signer_key = authority()
        ephemeral = X25519PrivateKey.generate()
        public = ephemeral.public_key().public_bytes_raw()
        statement = messages.GrantStatement(
            backup_id=self.manifest.backup_id,
            container_sha256=container.sha256,
            original_sha256=self.manifest.original_sha256,
            original_serial_number=f"{self.certificate.serial_number:x}",
            original_cancelled_at=MADE,
            crl_reason=CrlReason.KEY_COMPROMISE,
            successor_sha256="ab" * 32,
            ephemeral_public_key=public,
            nonce="A" * 43,
            at=MADE,
        )
        grant = cms.sign_with_key(
            messages.canonical(statement), signer_key, detached=False, certificates=[signer]
        )
        content_key = recovery.unwrap_content_key(iwk.recipient_info(container), self.recovery)
        (self.folder / "ca.pem").write_bytes(ca.public_bytes(Encoding.PEM))
        (self.folder / "grant.der").write_bytes(grant)
        return {
            "ephemeral_private_key": ephemeral.private_bytes_raw().hex(),
            "sealed_key": reseal.seal(content_key, public, grant).hex(),
            "content_key": content_key.hex(),
        }

    def negative(self, data: bytes) -> dict[str, bytes]:
        """Containers with one fault each; whatever can be is signed again by the original."""
        body = iwk.parse(data).outer
        flipped = bytearray(data)
        flipped[-1] ^= 1
        text = manifest.encode(self.manifest)
        raw = msgspec.json.decode(text)
        other = Vector.__new__(Vector)
        other.original = (
            ec.generate_private_key(ec.SECP256R1())
            if isinstance(self.original, ec.EllipticCurvePrivateKey)
            else rsa.generate_private_key(65537, 2048)
        )
        other.certificate = certificate(other.original)
        return {
            "truncated.iwk": data[:-1],
            "trailing-byte.iwk": data + b"\0",
            "signature-changed.iwk": bytes(flipped),
            "signed-by-another.iwk": other.signed(body, text),
            "version-2.iwk": self.signed(body, _json(raw | {"format_version": 2})),
            "unknown-field.iwk": self.signed(body, _json(raw | {"zzz": 1})),
            "not-canonical.iwk": self.signed(body, json.dumps(raw).encode()),
            "http-address.iwk": self.signed(
                body, _json(raw | {"authority_address": "http://127.0.0.1"})
            ),
            "line-end-in-code.iwk": self.signed(body, _json(raw | {"identity_code": "PROVA01\n"})),
            "short-salt.iwk": self.signed(body, _json(raw | {"salt": "AAAA"})),
            "scrypt-2-14.iwk": self.sealed_as("SCRYPT_N", 2**14),
            "scrypt-2-20.iwk": self.named_as(2**20),
            "gcm-tag-12.iwk": self.signed(_short_tag(body), text),
        }

    def signed(self, body: bytes, text: bytes) -> bytes:
        """A container with that recovery layer and that manifest, well signed."""
        return cms.sign(
            body,
            lambda to_sign: _signed(self.original, to_sign),
            self.certificate,
            detached=False,
            extra_attributes=[(oids.MANIFEST, asn1.encode_der(text.decode()))],
            content_type=oids.CONTENT_INFO,
        )

    def sealed_as(self, name: str, value: int) -> bytes:
        """A container whose PIN layer was really made with another number."""
        before = getattr(parameters, name)
        setattr(parameters, name, value)
        try:
            weak = inner.seal(self.successor, PIN)
        finally:
            setattr(parameters, name, before)
        return self.around(weak)

    def named_as(self, cost: int) -> bytes:
        """A container whose PIN layer names a cost that would take a gibibyte."""
        info = asn1.decode_der(inner.EncryptedPrivateKeyInfo, self.inner)
        info.algorithm.parameters.key_derivation.parameters.cost = cost
        return self.around(asn1.encode_der(info))

    def around(self, inside: bytes) -> bytes:
        """Recovery layer and signature around a PIN layer."""
        body = outer.seal(inside, self.recovery.public_key())
        return self.signed(body, manifest.encode(self.manifest))


def export() -> None:
    """The recovery export of an authority whose files are short."""
    folder = HERE / "export"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    ca, signer, signer_key = authority()
    files = {name: f"what {name} holds".encode() for name in payload.REQUIRED}
    files["accounts/PROVA01.key"] = b"ck_not_a_key\n"
    files[payload.CA_CERTIFICATE] = ca.public_bytes(Encoding.PEM)
    about = export_file.Manifest(
        created=MADE,
        authority_name="Autorità di prova",
        ca_sha256=ca.fingerprint(SHA256()).hex(),
        audit_entries=1,
        audit_head="cd" * 32,
    )
    data = export_file.build(about, files, PIN, signer_key, signer)
    (folder / "authority.iwr").write_bytes(data)
    (folder / "pin.txt").write_bytes(PIN)
    (folder / "manifest.json").write_bytes(manifest.encode(about))
    told = {name: content.decode() for name, content in sorted(files.items())}
    (folder / "files.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    (folder / "ca.pem").write_bytes(files[payload.CA_CERTIFICATE])


def authority() -> tuple[x509.Certificate, x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A CA and its statement signer, as `custode authority init` makes them."""
    ca_key, signer_key = (
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    ca = profiles.ca_certificate(ca_key, "Custode Test CA", now=MADE)
    signer = profiles.statement_certificate(signer_key.public_key(), ca, ca_key, now=MADE)
    return ca, signer, signer_key


def certificate(key: Key) -> x509.Certificate:
    """A certificate that outlives this project: what it says about time is not under test."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test original")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(MADE)
        .not_valid_after(UNTIL)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )


def _signed(key: Key, data: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), SHA256())
    return key.sign(data, ec.ECDSA(SHA256()))


def _pem(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _json(raw: Raw) -> bytes:
    return msgspec.json.encode(raw, order="sorted")


def _raw_public(pin: bytes, salt: bytes) -> str:
    key = pin_key.derive(pin, salt).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def _short_tag(body: bytes) -> bytes:
    info = asn1.decode_der(EnvelopedContentInfo, body)
    info.content.encrypted.algorithm.parameters.tag_length = 12
    info.content.mac = info.content.mac[:12]
    return asn1.encode_der(info)


if __name__ == "__main__":
    main()
