"""The recovery layer: AES-256-GCM under a content key that only the authority can unwrap.

ContentInfo with AuthEnvelopedData (RFC 5083, RFC 5084), one recipient: the recovery key of this one
backup (RFC 5753, `wire/recovery.py`). The authority gets the RecipientInfo, never the file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from custode.container.errors import ContainerInvalid, Undecryptable
from custode_authority.wire import oids, parameters, recovery

_VERSION = 0  # RFC 5083 §2.1


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
class OuterContentInfo:
    """RFC 5652 §3."""

    content_type: x509.ObjectIdentifier
    content: Annotated[AuthEnvelopedData, asn1.Explicit(0)]


@dataclass(frozen=True, slots=True)
class _Parts:
    recipient_info: bytes
    nonce: bytes
    encrypted: bytes  # without the tag
    tag: bytes


def seal(inner: bytes, recovery_public_key: ec.EllipticCurvePublicKey) -> bytes:
    """Encrypt the PIN layer under a fresh content key, wrapped to the recovery key.

    :return: DER, at home in `openssl cms -decrypt`
    """
    content_key = AESGCM.generate_key(parameters.CONTENT_KEY_LENGTH * 8)
    nonce = os.urandom(parameters.GCM_NONCE_LENGTH)
    sealed = AESGCM(content_key).encrypt(nonce, inner, None)
    return _encode(
        _Parts(
            recovery.wrap_content_key(content_key, recovery_public_key),
            nonce,
            sealed[: -parameters.GCM_TAG_LENGTH],
            sealed[-parameters.GCM_TAG_LENGTH :],
        )
    )


def recipient_info(outer: bytes) -> bytes:
    """The DER RecipientInfo to send to the authority.

    :raises ContainerInvalid: not a recovery layer of this format
    """
    return _parse(outer).recipient_info


def open_with_content_key(outer: bytes, content_key: bytes) -> bytes:
    """Decrypt to the PIN layer.

    :raises ContainerInvalid: not a recovery layer of this format
    :raises Undecryptable: another content key, or damaged
    """
    parts = _parse(outer)
    if len(content_key) != parameters.CONTENT_KEY_LENGTH:
        raise Undecryptable
    try:
        return AESGCM(content_key).decrypt(parts.nonce, parts.encrypted + parts.tag, None)
    except InvalidTag:
        raise Undecryptable from None


def _encode(parts: _Parts) -> bytes:
    gcm = GcmParameters(nonce=parts.nonce, tag_length=parameters.GCM_TAG_LENGTH)
    enveloped = AuthEnvelopedData(
        version=_VERSION,
        recipient_infos=asn1.SetOf([asn1.decode_der(asn1.TLV, parts.recipient_info)]),
        encrypted=EncryptedContentInfo(
            content_type=oids.DATA,
            algorithm=GcmAlgorithm(algorithm=oids.AES_256_GCM, parameters=gcm),
            encrypted_content=parts.encrypted,
        ),
        mac=parts.tag,
    )
    return asn1.encode_der(
        OuterContentInfo(content_type=oids.AUTH_ENVELOPED_DATA, content=enveloped)
    )


def _parse(outer: bytes) -> _Parts:
    """What is read is written anew and must be the same bytes: that pins every parameter."""
    if len(outer) > parameters.MAX_CONTAINER_SIZE:
        raise ContainerInvalid
    try:
        enveloped = asn1.decode_der(OuterContentInfo, outer).content
        [recipient] = enveloped.recipient_infos.as_list()
        parts = _Parts(
            asn1.encode_der(recipient),
            enveloped.encrypted.algorithm.parameters.nonce,
            enveloped.encrypted.encrypted_content,
            enveloped.mac,
        )
        recovery.recipient_key_id(parts.recipient_info)
    except (ValueError, recovery.RecoveryFailed):
        raise ContainerInvalid from None
    lengths = (len(parts.nonce), len(parts.tag))
    if (
        lengths != (parameters.GCM_NONCE_LENGTH, parameters.GCM_TAG_LENGTH)
        or len(parts.encrypted) > parameters.MAX_INNER_SIZE
        or _encode(parts) != outer
    ):
        raise ContainerInvalid
    return parts
