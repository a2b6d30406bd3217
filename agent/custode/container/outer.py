"""The recovery layer: AES-256-GCM under a content key that only the authority can unwrap.

An envelope (`wire/enveloped.py`) with one recipient: the recovery key of this one backup (RFC 5753,
`wire/recovery.py`). The authority gets the RecipientInfo, never the file.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec

from custode.container.errors import ContainerInvalid, Undecryptable
from custode_authority.wire import enveloped, parameters, recovery
from custode_authority.wire.enveloped import Envelope, EnvelopeClosed, EnvelopeInvalid


def seal(inner: bytes, recovery_public_key: ec.EllipticCurvePublicKey) -> bytes:
    """Encrypt the PIN layer under a fresh content key, wrapped to the recovery key.

    :return: DER, at home in `openssl cms -decrypt`
    """
    content_key = enveloped.new_content_key()
    wrapped = recovery.wrap_content_key(content_key, recovery_public_key)
    return enveloped.seal(inner, content_key, wrapped)


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
    try:
        return _parse(outer).open(content_key)
    except EnvelopeClosed:
        raise Undecryptable from None


def _parse(outer: bytes) -> Envelope:
    if len(outer) > parameters.MAX_CONTAINER_SIZE:
        raise ContainerInvalid
    try:
        envelope = enveloped.parse(outer, parameters.MAX_INNER_SIZE)
        recovery.recipient_key_id(envelope.recipient_info)
    except (EnvelopeInvalid, recovery.RecoveryFailed):
        raise ContainerInvalid from None
    return envelope
