"""AES-256-GCM with one recipient: ContentInfo with AuthEnvelopedData (RFC 5083, RFC 5084).

Who the recipient is does not matter here: a RecipientInfo (RFC 5652 §6.2) goes in and comes out as
DER. Used by `iw.iwk` (a recovery key) and by the authority's recovery export (a PIN).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated, Final

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from custode_authority.wire import oids, parameters

_VERSION: Final = 0  # RFC 5083 §2.1


class EnvelopeInvalid(Exception):
    """Not an envelope as this module writes it."""


class EnvelopeClosed(Exception):
    """It did not open: another key, or damaged."""


@asn1.sequence
class GcmParameters:
    """RFC 5084 §3.2. The length of the tag is written because it is not the default, 12."""

    nonce: bytes
    tag_length: Annotated[int, asn1.Default(12)]


@asn1.sequence
class GcmAlgorithm:
    """RFC 5084 §3.2."""

    algorithm: x509.ObjectIdentifier
    parameters: GcmParameters


@asn1.sequence
class EncryptedContentInfo:
    """RFC 5652 §6.1."""

    content_type: x509.ObjectIdentifier
    algorithm: GcmAlgorithm
    encrypted_content: Annotated[bytes, asn1.Implicit(0)]


@asn1.sequence
class AuthEnvelopedData:
    """RFC 5083 §2.1, without attributes: nothing but the content is authenticated."""

    version: int
    recipient_infos: asn1.SetOf[asn1.TLV]
    encrypted: EncryptedContentInfo
    mac: bytes


@asn1.sequence
class EnvelopedContentInfo:
    """RFC 5652 §3."""

    content_type: x509.ObjectIdentifier
    content: Annotated[AuthEnvelopedData, asn1.Explicit(0)]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What differs from one envelope to the next; `encrypted` is without the tag."""

    recipient_info: bytes
    nonce: bytes
    encrypted: bytes
    tag: bytes

    def open(self, content_key: bytes) -> bytes:
        """Decrypt the content.

        :raises EnvelopeClosed: another key, or damaged
        """
        if len(content_key) != parameters.CONTENT_KEY_LENGTH:
            raise EnvelopeClosed
        try:
            return AESGCM(content_key).decrypt(self.nonce, self.encrypted + self.tag, None)
        except InvalidTag:
            raise EnvelopeClosed from None


def new_content_key() -> bytes:
    """Draw a content key for one envelope."""
    return AESGCM.generate_key(parameters.CONTENT_KEY_LENGTH * 8)


def seal(content: bytes, content_key: bytes, recipient_info: bytes) -> bytes:
    """Encrypt under a content key that `recipient_info` holds, wrapped.

    :return: DER, at home in `openssl cms -decrypt`
    """
    nonce = os.urandom(parameters.GCM_NONCE_LENGTH)
    sealed = AESGCM(content_key).encrypt(nonce, content, None)
    body, tag = sealed[: -parameters.GCM_TAG_LENGTH], sealed[-parameters.GCM_TAG_LENGTH :]
    return _encode(Envelope(recipient_info, nonce, body, tag))


def parse(der: bytes, max_content: int) -> Envelope:
    """Read an envelope, strictly.

    What is read is written anew and must be the same bytes: that pins every parameter.

    :raises EnvelopeInvalid: not one as `seal` writes it, or with more than `max_content` bytes
    """
    try:
        enveloped = asn1.decode_der(EnvelopedContentInfo, der).content
        [recipient] = enveloped.recipient_infos.as_list()
        found = Envelope(
            asn1.encode_der(recipient),
            enveloped.encrypted.algorithm.parameters.nonce,
            enveloped.encrypted.encrypted_content,
            enveloped.mac,
        )
    except ValueError:
        raise EnvelopeInvalid from None
    lengths = (len(found.nonce), len(found.tag))
    if (
        lengths != (parameters.GCM_NONCE_LENGTH, parameters.GCM_TAG_LENGTH)
        or len(found.encrypted) > max_content
        or _encode(found) != der
    ):
        raise EnvelopeInvalid
    return found


def _encode(envelope: Envelope) -> bytes:
    gcm = GcmParameters(nonce=envelope.nonce, tag_length=parameters.GCM_TAG_LENGTH)
    enveloped = AuthEnvelopedData(
        version=_VERSION,
        recipient_infos=asn1.SetOf([asn1.decode_der(asn1.TLV, envelope.recipient_info)]),
        encrypted=EncryptedContentInfo(
            content_type=oids.DATA,
            algorithm=GcmAlgorithm(algorithm=oids.AES_256_GCM, parameters=gcm),
            encrypted_content=envelope.encrypted,
        ),
        mac=envelope.tag,
    )
    return asn1.encode_der(
        EnvelopedContentInfo(content_type=oids.AUTH_ENVELOPED_DATA, content=enveloped)
    )
