"""`iw.iwk`, the heart of a backup: three nested layers and the original's signature around them.

SignedData (RFC 5652), signed on the token; the manifest is one of its signed attributes
  AuthEnvelopedData (RFC 5083) to the authority's recovery key    outer.py
    EncryptedPrivateKeyInfo (RFC 5958) under the backup PIN       inner.py; of a copy: copied.py
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from custode.container import outer as recovery_layer
from custode.container.errors import ContainerInvalid
from custode_authority.wire import cms, manifest, oids, parameters
from custode_authority.wire.manifest import Manifest
from custode_authority.wire.states import BackupKind


@dataclass(frozen=True, slots=True)
class Container:
    """What an `iw.iwk` says of itself; nothing is verified before `verify`.

    `sha256` is the file's own hash, hex; `outer` the recovery layer, DER.
    """

    manifest: Manifest
    outer: bytes = field(repr=False)
    sha256: str
    signer_key_id: bytes
    data: bytes = field(repr=False)


def build(
    about: Manifest,
    inner: bytes,
    recovery_public_key: ec.EllipticCurvePublicKey,
    sign: Callable[[bytes], bytes],
    original_certificate: x509.Certificate,
    *,
    trial: Callable[[bytes], None],
) -> bytes:
    """Put a container together; `sign` has the original's token sign (see `cms.sign`).

    `trial` opens the PIN layer once more, as bytes: from here on only the authority can.

    :raises ContainerInvalid: the manifest is not about that certificate, or no reader would take it
    :raises SignatureInvalid: the token's signature does not verify
    """
    if about.original_sha256 != original_certificate.fingerprint(SHA256()).hex():
        raise ContainerInvalid
    try:
        attribute = asn1.encode_der(manifest.encode(about).decode())
    except manifest.ManifestInvalid:
        raise ContainerInvalid from None
    trial(inner)
    data = cms.sign(
        recovery_layer.seal(inner, recovery_public_key),
        sign,
        original_certificate,
        detached=False,
        extra_attributes=[(oids.MANIFEST, attribute)],
        content_type=oids.CONTENT_INFO,
    )
    verify(parse(data), original_certificate)
    return data


def parse(data: bytes) -> Container:
    """Read a container, strictly; nothing is verified.

    :raises ContainerInvalid: not one of this format
    """
    if len(data) > parameters.MAX_CONTAINER_SIZE:
        raise ContainerInvalid
    try:
        claim = cms.peek(data)
        if claim.content is None or list(claim.attributes) != [oids.MANIFEST.dotted_string]:
            raise ContainerInvalid
        text = asn1.decode_der(str, claim.attributes[oids.MANIFEST.dotted_string])
        about = manifest.decode(text.encode())
    except (cms.SignatureInvalid, manifest.ManifestInvalid, ValueError):
        raise ContainerInvalid from None
    recovery_layer.recipient_info(claim.content)
    sha256 = hashlib.sha256(data).hexdigest()
    return Container(about, claim.content, sha256, claim.signer_key_id, data)


def verify(container: Container, original_certificate: x509.Certificate) -> None:
    """Check that the original which the manifest names signed this; it may have expired.

    :raises ContainerInvalid: in every other case
    """
    about = container.manifest
    if about.original_sha256 != original_certificate.fingerprint(SHA256()).hex():
        raise ContainerInvalid
    # A copy is of the original's own key; a successor never is.
    own_key = about.successor_sha256 == _key_sha256(original_certificate)
    if own_key is not (about.kind is BackupKind.COPY):
        raise ContainerInvalid
    try:
        cms.verify(container.data, original_certificate, content_type=oids.CONTENT_INFO)
    except cms.SignatureInvalid:
        raise ContainerInvalid from None
    if parse(container.data) != container:
        raise ContainerInvalid


def _key_sha256(certificate: x509.Certificate) -> str:
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()


def recipient_info(container: Container) -> bytes:
    """The DER RecipientInfo that the authority needs at collection."""
    return recovery_layer.recipient_info(container.outer)
