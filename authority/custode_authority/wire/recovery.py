"""The content key of a container, wrapped to its recovery key (RFC 5753: ECDH, one pass).

The agent wraps and sends the RecipientInfo back at collection; the authority unwraps. The recovery
key is on P-256, made for one backup and named by key identifier: it has no certificate.
"""

from __future__ import annotations

from typing import Annotated, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from custode_authority.wire import oids
from custode_authority.wire.parameters import (
    AES_KEY_LENGTH,
    KEY_ID_LENGTH,
    MAX_RECIPIENT_INFO_SIZE,
    P256_POINT_LENGTH,
    WRAPPED_KEY_LENGTH,
)

_VERSION: Final = 3  # RFC 5652 §6.2.2
# RecipientInfo is a CHOICE: `kari` is [1] IMPLICIT, the same SEQUENCE with another first byte.
_KARI_TAG: Final = b"\xa1"
_SEQUENCE_TAG: Final = b"\x30"


class RecoveryFailed(Exception):
    """The content key did not come out, for whatever reason."""


@asn1.sequence
class EcAlgorithm:
    """RFC 5480 §2.1.1: id-ecPublicKey on a named curve."""

    algorithm: x509.ObjectIdentifier
    named_curve: x509.ObjectIdentifier


@asn1.sequence
class OriginatorPublicKey:
    """RFC 5652 §6.2.2."""

    algorithm: EcAlgorithm
    public_key: asn1.BitString


@asn1.sequence
class OriginatorKey:
    """RFC 5652 §6.2.2, OriginatorIdentifierOrKey: the choice `originatorKey`.

    The field is [0] EXPLICIT around the [1] IMPLICIT choice; written as a sequence of that one
    element, which has the same bytes.
    """

    key: Annotated[OriginatorPublicKey, asn1.Implicit(1)]


@asn1.sequence
class KeyWrapAlgorithm:
    """RFC 3565 §2.3.2: AES key wrap has no parameters."""

    algorithm: x509.ObjectIdentifier


@asn1.sequence
class KeyAgreementAlgorithm:
    """RFC 5753 §7.1.4: its parameters are the key wrap algorithm."""

    algorithm: x509.ObjectIdentifier
    wrap: KeyWrapAlgorithm


@asn1.sequence
class RecipientKeyIdentifier:
    """RFC 5652 §6.2.2."""

    subject_key_identifier: bytes


@asn1.sequence
class RecipientEncryptedKey:
    """RFC 5652 §6.2.2, with the choice `rKeyId`."""

    recipient: Annotated[RecipientKeyIdentifier, asn1.Implicit(0)]
    encrypted_key: bytes


@asn1.sequence
class KeyAgreeRecipientInfo:
    """RFC 5652 §6.2.2, without user keying material."""

    version: int
    originator: Annotated[OriginatorKey, asn1.Implicit(0)]
    algorithm: KeyAgreementAlgorithm
    keys: list[RecipientEncryptedKey]


@asn1.sequence
class SharedInfo:
    """RFC 5753 §7.2, ECC-CMS-SharedInfo: `length` is that of the wrapping key, in bits."""

    wrap: KeyWrapAlgorithm
    length: Annotated[bytes, asn1.Explicit(2)]


def load_recovery_public_key(der: bytes | None) -> ec.EllipticCurvePublicKey:
    """Read a DER SubjectPublicKeyInfo on P-256, as a reservation gives it.

    :raises RecoveryFailed: it is none
    """
    try:
        key = load_der_public_key(der or b"")
    except (ValueError, UnsupportedAlgorithm):
        raise RecoveryFailed from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise RecoveryFailed
    return key


def wrap_content_key(content_key: bytes, recovery_public_key: ec.EllipticCurvePublicKey) -> bytes:
    """Wrap 32 bytes to a recovery key, through an ephemeral key of this call.

    :return: a DER RecipientInfo
    """
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    wrapping_key = _derive(ephemeral, recovery_public_key)
    return _encode(
        _point(ephemeral.public_key()),
        _key_id(recovery_public_key),
        aes_key_wrap(wrapping_key, content_key),
    )


def recipient_key_id(recipient_info: bytes) -> bytes:
    """Key identifier of the recovery key that a RecipientInfo is for.

    :raises RecoveryFailed: not a RecipientInfo as this module writes it
    """
    return _parse(recipient_info)[1]


def unwrap_content_key(
    recipient_info: bytes, recovery_private_key: ec.EllipticCurvePrivateKey
) -> bytes:
    """Unwrap the 32 bytes.

    :raises RecoveryFailed: another key's, not as this module writes it, or damaged
    """
    point, recipient, wrapped = _parse(recipient_info)
    if recipient != _key_id(recovery_private_key.public_key()):
        raise RecoveryFailed
    try:
        # from_encoded_point refuses what is not on the curve.
        ephemeral = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        content_key = aes_key_unwrap(_derive(recovery_private_key, ephemeral), wrapped)
    except (ValueError, InvalidUnwrap):
        raise RecoveryFailed from None
    return content_key


def _derive(private_key: ec.EllipticCurvePrivateKey, peer: ec.EllipticCurvePublicKey) -> bytes:
    """The wrapping key (RFC 5753 §3.1.2, X9.63 KDF with SHA-256)."""
    info = SharedInfo(
        wrap=KeyWrapAlgorithm(algorithm=oids.AES_256_WRAP),
        length=(AES_KEY_LENGTH * 8).to_bytes(4, "big"),
    )
    kdf = X963KDF(algorithm=SHA256(), length=AES_KEY_LENGTH, sharedinfo=asn1.encode_der(info))
    return kdf.derive(private_key.exchange(ec.ECDH(), peer))


def _encode(point: bytes, recipient: bytes, wrapped: bytes) -> bytes:
    originator = OriginatorPublicKey(
        algorithm=EcAlgorithm(algorithm=oids.EC_PUBLIC_KEY, named_curve=oids.SECP256R1),
        public_key=asn1.BitString(point, 0),
    )
    info = KeyAgreeRecipientInfo(
        version=_VERSION,
        originator=OriginatorKey(key=originator),
        algorithm=KeyAgreementAlgorithm(
            algorithm=oids.ECDH_SHA256_KDF, wrap=KeyWrapAlgorithm(algorithm=oids.AES_256_WRAP)
        ),
        keys=[
            RecipientEncryptedKey(
                recipient=RecipientKeyIdentifier(subject_key_identifier=recipient),
                encrypted_key=wrapped,
            )
        ],
    )
    return _KARI_TAG + asn1.encode_der(info)[1:]


def _parse(recipient_info: bytes) -> tuple[bytes, bytes, bytes]:
    """Ephemeral point, recipient's key identifier, wrapped key.

    What is read is written anew and must be the same bytes: that pins every algorithm at once.
    """
    if len(recipient_info) > MAX_RECIPIENT_INFO_SIZE:
        raise RecoveryFailed
    try:
        info = asn1.decode_der(KeyAgreeRecipientInfo, _SEQUENCE_TAG + recipient_info[1:])
    except ValueError:
        raise RecoveryFailed from None
    if len(info.keys) != 1:
        raise RecoveryFailed
    point = info.originator.key.public_key.as_bytes()
    recipient = info.keys[0].recipient.subject_key_identifier
    wrapped = info.keys[0].encrypted_key
    lengths = (len(point), len(recipient), len(wrapped))
    if (
        lengths != (P256_POINT_LENGTH, KEY_ID_LENGTH, WRAPPED_KEY_LENGTH)
        or _encode(point, recipient, wrapped) != recipient_info
    ):
        raise RecoveryFailed
    return point, recipient, wrapped


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _key_id(key: ec.EllipticCurvePublicKey) -> bytes:
    return x509.SubjectKeyIdentifier.from_public_key(key).digest
