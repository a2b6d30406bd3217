"""An independent reader of docs/format.md: `openssl`, `cryptography` and nothing of Custode.

    python tests/vectors/reader.py iw.iwk original.pem recovery.pem pin.txt

prints the manifest and the successor's public key. It was written from docs/format.md alone and
shares no code with the product, not even constants: where the two disagree, the document is wrong.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

sys.path.insert(0, str(Path(__file__).parent))
from der import (
    BITS,
    INTEGER,
    OCTETS,
    OID,
    SEQUENCE,
    SET,
    UTF8,
    Node,
    Refused,
    algorithm,
    need,
    whole,
)
from reader_copy import check_kind, check_wrapped, unwrapped

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

ARC = f"2.25.{0x75088D55FEA743EB8FB6CB16932EFAF1}"


# --- the outside -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Signed:
    """A SignedData that was read, not verified."""

    content: bytes
    attributes: Mapping[str, Node]
    signer: bytes
    certificate: bytes | None


def read_signed(data: bytes, limit: int, *, certificate: bool) -> Signed:
    """docs/format.md, "SignedData"."""
    need(len(data) <= limit, "size")
    kind, explicit = whole(data, SEQUENCE).inside(OID, 0xA0)
    need(kind.oid() == "1.2.840.113549.1.7.2", "id-signedData")
    carried = [0xA0] if certificate else []
    [body] = explicit.inside(SEQUENCE)
    version, digests, encapsulated, *certificates, signers = body.inside(
        INTEGER, SET, SEQUENCE, *carried, SET
    )
    need(version.number() == 3, "version 3")
    [digest] = digests.inside(SEQUENCE)
    need(algorithm(digest)[0] == "2.16.840.1.101.3.4.2.1", "SHA-256")
    content_type, holder = encapsulated.inside(OID, 0xA0)
    need(content_type.oid() == "1.2.840.113549.1.9.16.1.6", "id-ct-contentInfo")
    [content] = holder.inside(OCTETS)
    [signer] = signers.inside(SEQUENCE)
    info = signer.inside(INTEGER, 0x80, SEQUENCE, 0xA0, SEQUENCE, OCTETS)
    need(info[0].number() == 3, "version 3")
    need(algorithm(info[2])[0] == "2.16.840.1.101.3.4.2.1", "SHA-256")
    attributes: dict[str, Node] = {}
    encodings = [one.encoding for one in info[3].children()]
    need(encodings == sorted(encodings), "SET OF in order (X.690, 11.6)")
    for one in info[3].children():
        name, values = one.inside(OID, SET)
        [value] = values.children()
        need(name.oid() not in attributes, "each attribute once")
        attributes[name.oid()] = value
    found = attributes.pop("1.2.840.113549.1.9.3", None)
    need(found and found.encoding == content_type.encoding, "contentType")
    found = attributes.pop("1.2.840.113549.1.9.4", None)
    need(found and found.content == hashlib.sha256(content.content).digest(), "messageDigest")
    enclosed = certificates[0].inside(SEQUENCE)[0].encoding if certificates else None
    return Signed(content.content, attributes, info[1].content, enclosed)


def verify_with_openssl(data: bytes, certificate: bytes) -> None:
    """The signature, judged by openssl: the signer's certificate is trusted as it is."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "iw.iwk").write_bytes(data)
        (folder / "original.pem").write_bytes(certificate)
        openssl(
            folder,
            "cms -verify -binary -inform DER -in iw.iwk -certfile original.pem -nointern"
            " -CAfile original.pem -partial_chain -purpose any -no_check_time -out outer.der",
        )


def openssl(folder: Path, arguments: str) -> None:
    done = subprocess.run(
        ["openssl", *arguments.split()], cwd=folder, capture_output=True, timeout=20, check=False
    )
    need(done.returncode == 0, f"openssl: {done.stderr.decode(errors='replace')}")


# --- the manifest ----------------------------------------------------------------------------

TEXT = r"[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]{1,100}"
HASH = r"[0-9a-f]{64}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
CONTAINER_FIELDS: Mapping[str, str] = {
    "authority_address": r"https://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?",
    "authority_name": TEXT,
    "backup_id": r"[0-9a-f]{32}",
    "created": TIME,
    "identity_code": r"[A-Z0-9]{3,16}",
    "kind": r"successor|copy",
    "original_sha256": HASH,
    "salt": r"[A-Za-z0-9+/]{22}==",
    "successor_sha256": HASH,
}
EXPORT_FIELDS: Mapping[str, str] = {
    "audit_head": HASH,
    "authority_name": TEXT,
    "ca_sha256": HASH,
    "created": TIME,
}


def read_manifest(node: Node | None, fields: Mapping[str, str], numbers: set[str]) -> Any:
    """docs/format.md, "Manifest"."""
    if node is None:
        raise Refused("no manifest")
    need(node.tag == UTF8 and len(node.content) <= 2048, "a UTF8String of at most 2048 octets")
    try:
        text = node.content.decode()
        manifest = json.loads(text)
    except ValueError:
        raise Refused("not JSON") from None
    need(isinstance(manifest, dict), "an object")
    again = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    need(again == text, "canonical form")
    need(set(manifest) == fields.keys() | numbers | {"format_version"}, "exactly these fields")
    need(manifest["format_version"] == 1 and type(manifest["format_version"]) is int, "version 1")
    for name in numbers:
        need(type(manifest[name]) is int and manifest[name] >= 0, name)
    for name, pattern in fields.items():
        value = manifest[name]
        need(isinstance(value, str) and re.fullmatch(pattern, value), name)
    need(len(manifest.get("authority_address", "")) <= 200, "authority_address")
    try:
        datetime.fromisoformat(manifest["created"])
    except ValueError:
        raise Refused("created") from None
    return manifest


# --- the envelope ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Envelope:
    """An AuthEnvelopedData that was read."""

    recipient: Node
    nonce: bytes
    encrypted: bytes
    tag: bytes

    def open(self, content_key: bytes) -> bytes:
        return AESGCM(content_key).decrypt(self.nonce, self.encrypted + self.tag, None)


def read_envelope(data: bytes, limit: int) -> Envelope:
    """docs/format.md, "AuthEnvelopedData"."""
    kind, explicit = whole(data, SEQUENCE).inside(OID, 0xA0)
    need(kind.oid() == "1.2.840.113549.1.9.16.1.23", "id-ct-authEnvelopedData")
    [body] = explicit.inside(SEQUENCE)
    version, recipients, info, mac = body.inside(INTEGER, SET, SEQUENCE, OCTETS)
    need(version.number() == 0, "version 0")
    [recipient] = recipients.children()
    content_type, how, encrypted = info.inside(OID, SEQUENCE, 0x80)
    need(content_type.oid() == "1.2.840.113549.1.7.1", "id-data")
    name, parameters = algorithm(how)
    need(name == "2.16.840.1.101.3.4.1.46", "AES-256-GCM")
    [gcm] = parameters
    nonce, tag_length = gcm.inside(OCTETS, INTEGER)
    need((len(nonce.content), tag_length.number(), len(mac.content)) == (12, 16, 16), "GCM")
    need(len(encrypted.content) <= limit, "size")
    return Envelope(recipient, nonce.content, encrypted.content, mac.content)


def check_recovery_recipient(node: Node) -> None:
    """docs/format.md, "KeyAgreeRecipientInfo"."""
    need(node.tag == 0xA1 and len(node.encoding) <= 512, "[1] kari")
    version, originator, how, keys = node.inside(INTEGER, 0xA0, SEQUENCE, SEQUENCE)
    need(version.number() == 3, "version 3")
    [key] = originator.inside(0xA1)
    curve, point = key.inside(SEQUENCE, BITS)
    name, parameters = algorithm(curve)
    need(name == "1.2.840.10045.2.1", "id-ecPublicKey")
    need([one.oid() for one in parameters] == ["1.2.840.10045.3.1.7"], "P-256")
    need(len(point.content) == 66 and point.content[:2] == b"\0\4", "an uncompressed point")
    name, parameters = algorithm(how)
    need(name == "1.3.132.1.11.1", "dhSinglePass-stdDH-sha256kdf-scheme")
    need([one.encoding for one in parameters] == [AES_WRAP], "AES-256 key wrap")
    [one] = keys.inside(SEQUENCE)
    recipient, wrapped = one.inside(0xA0, OCTETS)
    [identifier] = recipient.inside(OCTETS)
    need((len(identifier.content), len(wrapped.content)) == (20, 40), "lengths")


AES_WRAP = bytes.fromhex("300b060960864801650304012d")


# --- the PIN layer ---------------------------------------------------------------------------


def check_scrypt(parameters: list[Node]) -> bytes:
    """The only scrypt there is; its salt."""
    [sequence] = parameters
    salt, *numbers = sequence.inside(OCTETS, INTEGER, INTEGER, INTEGER, INTEGER)
    need([one.number() for one in numbers] == [2**17, 8, 1, 32], "scrypt's numbers")
    need(len(salt.content) == 16, "scrypt's salt")
    return salt.content


def check_pin_layer(data: bytes, kind: str) -> tuple[bytes, bytes]:
    """docs/format.md, "EncryptedPrivateKeyInfo": salt and data, before a single round of scrypt."""
    need(len(data) <= 8192, "size")
    how, encrypted = whole(data, SEQUENCE).inside(SEQUENCE, OCTETS)
    name, parameters = algorithm(how)
    need(name == "1.2.840.113549.1.5.13", "PBES2")
    derivation, cipher = parameters[0].inside(SEQUENCE, SEQUENCE)
    name, parameters = algorithm(derivation)
    need(name == "1.3.6.1.4.1.11591.4.11", "scrypt")
    salt = check_scrypt(parameters)
    name, parameters = algorithm(cipher)
    if kind == "copy":
        check_wrapped(name, parameters, encrypted.content)
        return salt, encrypted.content
    need(name == "2.16.840.1.101.3.4.1.42", "AES-256-CBC")
    need([len(one.content) for one in parameters] == [16], "an initialisation vector")
    need(len(encrypted.content) % 16 == 0, "whole blocks")
    return salt, encrypted.content


# --- the container ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Container:
    """`iw.iwk`, read and verified as far as anybody can without the authority."""

    manifest: Any
    outer: bytes
    envelope: Envelope
    sha256: str


def read_container(data: bytes, original_pem: bytes) -> Container:
    """Steps 1 to 6 of docs/format.md, "What a reader checks, in this order"."""
    signed = read_signed(data, 16 * 1024, certificate=False)
    need(set(signed.attributes) == {f"{ARC}.1"}, "one more attribute: the manifest")
    manifest = read_manifest(signed.attributes.get(f"{ARC}.1"), CONTAINER_FIELDS, numbers=set())
    need(len(base64.b64decode(manifest["salt"])) == 16, "salt")
    envelope = read_envelope(signed.content, 8192)
    check_recovery_recipient(envelope.recipient)
    original = x509.load_pem_x509_certificate(original_pem)
    fingerprint = original.fingerprint(hashes.SHA256()).hex()
    need(fingerprint == manifest["original_sha256"], "the original's certificate")
    check_kind(manifest, original)
    verify_with_openssl(data, original_pem)
    return Container(manifest, signed.content, envelope, hashlib.sha256(data).hexdigest())


def open_with_recovery_key(container: Container, recovery_pem: bytes) -> bytes:
    """The PIN layer, by openssl: what the authority could do, had it the file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "outer.der").write_bytes(container.outer)
        (folder / "recovery.pem").write_bytes(recovery_pem)
        openssl(
            folder,
            "cms -decrypt -binary -inform DER -in outer.der -inkey recovery.pem -out inner.der",
        )
        return (folder / "inner.der").read_bytes()


def open_with_pin(container: Container, inside: bytes, pin: bytes) -> PrivateKey:
    """The successor's private key; of a copy the original's own."""
    kind = container.manifest["kind"]
    salt, encrypted = check_pin_layer(inside, kind)
    copy = kind == "copy"
    clear, password = (unwrapped(salt, encrypted, pin), None) if copy else (inside, pin)
    try:
        key = serialization.load_der_private_key(clear, password)
    except (ValueError, TypeError):
        raise Refused("does not open") from None
    need(isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey), "RSA or EC")
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    need(hashlib.sha256(public).hexdigest() == container.manifest["successor_sha256"], "another")
    return key


def pin_public_key(pin: bytes, manifest: Any) -> bytes:
    """What the authority counts wrong PINs with: Argon2id to an Ed25519 seed."""
    seed = Argon2id(
        salt=base64.b64decode(manifest["salt"]),
        length=32,
        iterations=3,
        lanes=4,
        memory_cost=65536,
        ad=b"custode backup PIN key v1",
    ).derive(pin)
    public: bytes = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return public


def open_collected(sealed: bytes, ephemeral: X25519PrivateKey, grant: bytes) -> bytes:
    """The content key that the authority sealed at collection (RFC 9180, base mode)."""
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    opened: bytes = suite.decrypt(sealed, ephemeral, hashlib.sha256(grant).digest())
    return opened


# --- the recovery export of an authority -----------------------------------------------------


def read_export(data: bytes, pin: bytes) -> tuple[Any, dict[str, bytes]]:
    """docs/format.md, "The authority's recovery export": its manifest and its files."""
    signed = read_signed(data, 64 * 1024 * 1024 + 16 * 1024, certificate=True)
    need(set(signed.attributes) == {f"{ARC}.3"} and signed.certificate, "manifest and signer")
    manifest = read_manifest(
        signed.attributes.get(f"{ARC}.3"), EXPORT_FIELDS, numbers={"audit_entries"}
    )
    signer = x509.load_der_x509_certificate(signed.certificate or b"")
    verify_with_openssl(data, signer.public_bytes(serialization.Encoding.PEM))
    envelope = read_envelope(signed.content, 64 * 1024 * 1024)
    recipient = envelope.recipient
    need(recipient.tag == 0xA3 and len(recipient.encoding) <= 512, "[3] pwri")
    version, derivation, wrap, wrapped = recipient.inside(INTEGER, 0xA0, SEQUENCE, OCTETS)
    name, parameters = algorithm(derivation)
    need(version.number() == 0 and name == "1.3.6.1.4.1.11591.4.11", "scrypt")
    need(wrap.encoding == AES_WRAP and len(wrapped.content) == 40, "AES-256 key wrap")
    key = Scrypt(salt=check_scrypt(parameters), length=32, n=2**17, r=8, p=1).derive(pin)
    try:
        payload = envelope.open(aes_key_unwrap(key, wrapped.content))
    except InvalidUnwrap:
        raise Refused("does not open") from None
    [rows] = whole(payload, SEQUENCE).inside(SEQUENCE)
    files = {}
    for row in rows.children():
        path, content = row.inside(UTF8, OCTETS)
        files[path.content.decode()] = content.content
    ca = x509.load_pem_x509_certificate(files["ca.pem"])
    need(ca.fingerprint(hashes.SHA256()).hex() == manifest["ca_sha256"], "the CA")
    signer.verify_directly_issued_by(ca)
    usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    need(x509.ObjectIdentifier(f"{ARC}.2") in usage, "a statement signer")
    return manifest, files


def main(arguments: list[str]) -> int:
    data, original, recovery, pin = (Path(name).read_bytes() for name in arguments)
    container = read_container(data, original)
    key = open_with_pin(container, open_with_recovery_key(container, recovery), pin.rstrip(b"\n"))
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    sys.stdout.write(json.dumps(container.manifest, ensure_ascii=False, indent=1) + "\n")
    sys.stdout.write(public.decode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
