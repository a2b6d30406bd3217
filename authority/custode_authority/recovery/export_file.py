"""The file of a recovery export: three nested layers, of the same parts as `iw.iwk`.

SignedData (RFC 5652), by the authority's statement signer, whose certificate is enclosed; the
manifest is one of its signed attributes
  AuthEnvelopedData (RFC 5083, AES-256-GCM) to a PIN    password_recipient.py
    the authority's files                               payload.py

A reader checks the signature first, with the enclosed certificate: whatever was damaged is found
without a PIN, so that "wrong PIN" can be told from it. Whose the certificate is shows at the end,
when the CA's own certificate has come out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated, Final, Literal

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Meta

from custode_authority.recovery import password_recipient, payload
from custode_authority.recovery.payload import Files, PayloadInvalid
from custode_authority.wire import cms, enveloped, manifest, oids
from custode_authority.wire.enveloped import Envelope, EnvelopeClosed, EnvelopeInvalid
from custode_authority.wire.manifest import Dated, Hex256, ManifestInvalid, Name
from custode_authority.wire.parameters import (
    MAX_EXPORT_CONTENT_SIZE,
    MAX_EXPORT_SIZE,
)

_MANIFEST: Final = oids.EXPORT_MANIFEST.dotted_string


class ExportInvalid(Exception):
    """Not an export of this format, damaged, or not signed by the authority inside."""


class ExportClosed(Exception):
    """The PIN does not open it."""


class ExportTooLarge(Exception):
    """The authority's files are more than an export takes."""


class Manifest(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What anybody may read of an export.

    `ca_sha256` is the fingerprint of the CA certificate; `audit_entries` and `audit_head` say how
    far the authority's log had come.
    """

    format_version: Literal[1] = 1
    authority_name: Name
    ca_sha256: Hex256
    audit_entries: Annotated[int, Meta(ge=0)]
    audit_head: Hex256


@dataclass(frozen=True, slots=True)
class Export:
    """An export that is whole; `open` needs the PIN."""

    about: Manifest
    data: bytes = field(repr=False)
    envelope: Envelope = field(repr=False)

    def open(self, pin: bytes | bytearray) -> dict[str, bytes]:
        """Decrypt the files, and check that their CA certified whoever signed this.

        :raises ExportClosed: another PIN
        :raises ExportInvalid: what came out is no authority, or another one's
        """
        try:
            content_key = password_recipient.unwrap(self.envelope.recipient_info, pin)
        except password_recipient.NotThisPin:
            raise ExportClosed from None
        try:
            files = payload.decode(self.envelope.open(content_key))
            ca = x509.load_pem_x509_certificate(files[payload.CA_CERTIFICATE])
            cms.verify_chained(
                self.data,
                ca,
                self.about.created,
                content_type=oids.CONTENT_INFO,
                max_size=MAX_EXPORT_SIZE,
            )
        except (EnvelopeClosed, PayloadInvalid, ValueError, cms.SignatureInvalid):
            raise ExportInvalid from None
        if sha256(ca.public_bytes(Encoding.DER)).hexdigest() != self.about.ca_sha256:
            raise ExportInvalid
        return files


def build(
    about: Manifest,
    files: Files,
    pin: bytes | bytearray,
    key: ec.EllipticCurvePrivateKey,
    certificate: x509.Certificate,
) -> bytes:
    """Put an export together; the result was opened again with the same PIN.

    :raises ExportTooLarge: there is too much of it
    """
    content = payload.encode(files)
    if len(content) > MAX_EXPORT_CONTENT_SIZE:
        raise ExportTooLarge
    content_key = enveloped.new_content_key()
    sealed = enveloped.seal(content, content_key, password_recipient.wrap(content_key, pin))
    data = cms.sign(
        sealed,
        lambda to_sign: key.sign(to_sign, ec.ECDSA(SHA256())),
        certificate,
        detached=False,
        extra_attributes=[(oids.EXPORT_MANIFEST, asn1.encode_der(manifest.encode(about).decode()))],
        certificates=[certificate],
        content_type=oids.CONTENT_INFO,
    )
    if read(data).open(pin) != dict(files):
        raise ExportInvalid  # pragma: no cover - what was just written reads back
    return data


def read(data: bytes) -> Export:
    """Read an export, strictly, and check that nothing of it was changed. No PIN is needed.

    :raises ExportInvalid: not one of this format, or damaged
    """
    try:
        verified = cms.verify_whole(data, content_type=oids.CONTENT_INFO, max_size=MAX_EXPORT_SIZE)
        if list(verified.attributes) != [_MANIFEST]:
            raise ExportInvalid
        text = asn1.decode_der(str, verified.attributes[_MANIFEST])
        about = manifest.decode_as(text.encode(), Manifest)
        envelope = enveloped.parse(verified.content, MAX_EXPORT_CONTENT_SIZE)
        password_recipient.check(envelope.recipient_info)
    except (
        cms.SignatureInvalid,
        EnvelopeInvalid,
        ManifestInvalid,
        password_recipient.RecipientInvalid,
        ValueError,
    ):
        raise ExportInvalid from None
    return Export(about, data, envelope)
