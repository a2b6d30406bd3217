"""CMS signatures as both sides of the counter make and check them (RFC 5652 §5).

One signer, named by key identifier; SHA-256 with RSA PKCS#1 v1.5 or ECDSA (RFC 5754); always signed
attributes. A checker gets one uniform error, whatever was wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from custode_authority.wire import oids
from custode_authority.wire.parameters import MAX_SIGNED_SIZE
from custode_authority.wire.signed_data import (
    AlgorithmIdentifier,
    Attribute,
    EncapsulatedContentInfo,
    SignedContentInfo,
    SignedData,
    SignerInfo,
)

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Signer = PublicKey | x509.Certificate

_VERSION: Final = 3  # RFC 5652 §5.1 and §5.3: the signer is named by key identifier
_RSA_BITS: Final = range(2048, 4096 + 1)
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1)
_RSA_OIDS: Final = (oids.SHA_256_WITH_RSA, oids.RSA_ENCRYPTION)  # the second is what openssl writes
_OWN_ATTRIBUTES: Final = (oids.CONTENT_TYPE, oids.MESSAGE_DIGEST)
# What `cryptography` raises when a certificate, its key or an extension cannot be read.
_UNREADABLE: Final = (
    ValueError,
    TypeError,  # a name with a value of a strange type
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


class SignatureInvalid(Exception):
    """Not a signature of that signer over that content, for whatever reason."""


class KeyNotSupported(ValueError):
    """A key to sign with that is neither RSA 2048-4096 nor P-256 nor P-384."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a good signature says.

    `attributes`: the other signed attributes, from dotted OID to the DER of the one value;
    `certificate`: the signer's own, where it came along (`verify_chained`).
    """

    content: bytes
    attributes: Mapping[str, bytes]
    signer_key_id: bytes
    certificate: x509.Certificate | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """What a signature claims before anybody checked it; `content` is None in a detached one."""

    signer_key_id: bytes
    content: bytes | None
    attributes: Mapping[str, bytes]


def key_id(signer: Signer) -> bytes:
    """The signer's key identifier: the certificate's own, else SHA-1 of the key's bits.

    RFC 5280 §4.2.1.2 (1). An issuer may choose identifiers in another way; then the certificate
    says which, and openssl looks for that one.
    """
    if isinstance(signer, x509.Certificate):
        try:
            extension = signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        except x509.ExtensionNotFound:
            return key_id(_public_key(signer))
        return extension.value.digest
    return x509.SubjectKeyIdentifier.from_public_key(signer).digest


def sign(
    content: bytes,
    sign: Callable[[bytes], bytes],
    signer: Signer,
    *,
    detached: bool,
    extra_attributes: Sequence[tuple[x509.ObjectIdentifier, bytes]] = (),
    certificates: Sequence[x509.Certificate] = (),
    content_type: x509.ObjectIdentifier = oids.DATA,
) -> bytes:
    """Make a DER SignedData. The private key stays where it is.

    `sign` gets the DER of the signed attributes and returns the signature over its SHA-256 (PKCS#1
    v1.5, or ECDSA as DER); `extra_attributes` are pairs of OID and the DER of one value.

    :raises KeyNotSupported: the signer's key is of another kind or size
    :raises SignatureInvalid: what `sign` returned does not verify with the signer's key
    """
    public_key = _public_key(signer)
    attributes = asn1.SetOf(
        [
            _attribute(oids.CONTENT_TYPE, asn1.encode_der(content_type)),
            _attribute(oids.MESSAGE_DIGEST, asn1.encode_der(hashlib.sha256(content).digest())),
            *(_attribute(oid, value) for oid, value in extra_attributes),
        ]
    )
    to_sign = asn1.encode_der(attributes)
    signature = sign(to_sign)
    _check_signature(public_key, signature, to_sign)
    sha_256 = AlgorithmIdentifier(algorithm=oids.SHA_256)
    info = SignerInfo(
        version=_VERSION,
        subject_key_identifier=key_id(signer),
        digest_algorithm=sha_256,
        signed_attributes=attributes,
        signature_algorithm=_algorithms(public_key)[0],
        signature=signature,
    )
    signed = SignedData(
        version=_VERSION,
        digest_algorithms=asn1.SetOf([sha_256]),
        encapsulated=EncapsulatedContentInfo(
            content_type=content_type, content=None if detached else content
        ),
        certificates=asn1.SetOf(list(certificates)) if certificates else None,
        signer_infos=asn1.SetOf([info]),
    )
    return asn1.encode_der(SignedContentInfo(content_type=oids.SIGNED_DATA, content=signed))


def sign_with_key(
    content: bytes,
    private_key: PrivateKey,
    *,
    detached: bool,
    signer: Signer | None = None,
    certificates: Sequence[x509.Certificate] = (),
    content_type: x509.ObjectIdentifier = oids.DATA,
) -> bytes:
    """`sign` with a private key of `cryptography` (a token's key is one, too).

    :raises KeyNotSupported: the key is of another kind or size
    """
    return sign(
        content,
        lambda data: _sign_raw(private_key, data),
        private_key.public_key() if signer is None else signer,
        detached=detached,
        certificates=certificates,
        content_type=content_type,
    )


def verify(
    der: bytes,
    signer: Signer,
    content: bytes | None = None,
    *,
    content_type: x509.ObjectIdentifier = oids.DATA,
) -> Verified:
    """Check a signature of a known signer; `content` where the signature is detached.

    The validity dates of a certificate given as `signer` do not matter here.

    :raises SignatureInvalid: in every other case than a good signature
    """
    signed = _parse(der)
    if signed.certificates is not None:
        raise SignatureInvalid
    return _verify(signed, signer, content, content_type)


def peek(der: bytes) -> Claim:
    """Read a signature without checking it, to find out whom to check it with.

    :raises SignatureInvalid: not a SignedData as this module writes it
    """
    signed = _parse(der)
    info = _signer_info(signed)
    attributes = _attributes(info)
    for oid in _OWN_ATTRIBUTES:
        attributes.pop(oid.dotted_string, None)
    return Claim(info.subject_key_identifier, signed.encapsulated.content, attributes)


def signer_key_id(der: bytes) -> bytes:
    """Whose signature this claims to be; nothing is verified.

    :raises SignatureInvalid: not a SignedData as this module writes it
    """
    return peek(der).signer_key_id


def verify_chained(
    der: bytes,
    ca_certificate: x509.Certificate,
    at: datetime,
    content: bytes | None = None,
    *,
    content_type: x509.ObjectIdentifier = oids.DATA,
    max_size: int = MAX_SIGNED_SIZE,
) -> Verified:
    """Check a statement of the authority, signed with a certificate that came along.

    That certificate must be issued by the pinned `ca_certificate`, valid at `at` (aware UTC), made
    for signatures and for statements (`oids.STATEMENT_SIGNING`), and not itself a CA's.

    :raises SignatureInvalid: in every other case than a good signature
    """
    signed = _parse(der, max_size)
    certificate = _carried(signed)
    _check_issued(certificate, ca_certificate, at)
    return _verify(signed, certificate, content, content_type, carried=certificate)


def verify_whole(
    der: bytes, *, content_type: x509.ObjectIdentifier = oids.DATA, max_size: int = MAX_SIGNED_SIZE
) -> Verified:
    """Check a signature with the certificate that came along, whoever's it is.

    This says that nothing was changed since, and not who signed: `verify_chained` says that, once
    the CA's certificate is known.

    :raises SignatureInvalid: in every other case than a good signature
    """
    signed = _parse(der, max_size)
    certificate = _carried(signed)
    return _verify(signed, certificate, None, content_type, carried=certificate)


# --- reading ----------------------------------------------------------------------------------


def _carried(signed: SignedData) -> x509.Certificate:
    certificates = [] if signed.certificates is None else signed.certificates.as_list()
    if len(certificates) != 1:
        raise SignatureInvalid
    return certificates[0]


def _parse(der: bytes, max_size: int = MAX_SIGNED_SIZE) -> SignedData:
    if len(der) > max_size:
        raise SignatureInvalid
    try:
        info = asn1.decode_der(SignedContentInfo, der)
    except _UNREADABLE:
        raise SignatureInvalid from None
    if info.content_type != oids.SIGNED_DATA:
        raise SignatureInvalid
    return info.content


def _signer_info(signed: SignedData) -> SignerInfo:
    infos = signed.signer_infos.as_list()
    if len(infos) != 1 or signed.version != _VERSION or infos[0].version != _VERSION:
        raise SignatureInvalid
    return infos[0]


def _verify(
    signed: SignedData,
    signer: Signer,
    content: bytes | None,
    content_type: x509.ObjectIdentifier,
    carried: x509.Certificate | None = None,
) -> Verified:
    info = _signer_info(signed)
    try:
        public_key, expected_key_id = _public_key(signer), key_id(signer)
    except _UNREADABLE:
        raise SignatureInvalid from None
    digests = [info.digest_algorithm, *signed.digest_algorithms.as_list()]
    if (
        info.subject_key_identifier != expected_key_id
        or [one.algorithm for one in digests] != [oids.SHA_256, oids.SHA_256]
        or signed.encapsulated.content_type != content_type
        or _shape(info.signature_algorithm) not in map(_shape, _algorithms(public_key))
    ):
        raise SignatureInvalid
    actual = _content(signed, content)
    attributes = _attributes(info)
    expected = (asn1.encode_der(content_type), asn1.encode_der(hashlib.sha256(actual).digest()))
    if tuple(attributes.pop(oid.dotted_string, None) for oid in _OWN_ATTRIBUTES) != expected:
        raise SignatureInvalid
    _check_signature(public_key, info.signature, asn1.encode_der(info.signed_attributes))
    return Verified(actual, attributes, expected_key_id, carried)


def _content(signed: SignedData, given: bytes | None) -> bytes:
    carried = signed.encapsulated.content
    if given is None and carried is not None:
        return carried
    if given is not None and carried is None:
        return given
    raise SignatureInvalid


def _attributes(info: SignerInfo) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for attribute in info.signed_attributes.as_list():
        values = attribute.values.as_list()
        name = attribute.type.dotted_string
        if len(values) != 1 or name in found:
            raise SignatureInvalid
        found[name] = asn1.encode_der(values[0])
    return found


def _check_issued(certificate: x509.Certificate, ca: x509.Certificate, at: datetime) -> None:
    try:
        certificate.verify_directly_issued_by(ca)
        good = _may_state(certificate.extensions)
    except (*_UNREADABLE, TypeError, InvalidSignature):
        raise SignatureInvalid from None
    for one in (certificate, ca):
        good = good and one.not_valid_before_utc <= at <= one.not_valid_after_utc
    if not good:
        raise SignatureInvalid


def _may_state(extensions: x509.Extensions) -> bool:
    """Whether a certificate with these extensions may sign statements (RFC 5280 §4.2)."""
    usage = purpose = False
    for one in extensions:
        match one.value:
            case x509.KeyUsage() as value:
                usage = value.digital_signature
            case x509.ExtendedKeyUsage() as value:
                purpose = oids.STATEMENT_SIGNING in value
            case x509.BasicConstraints(ca=True):
                return False
            case _ if one.critical and not isinstance(one.value, x509.BasicConstraints):
                return False  # it restricts something that we do not know how to respect
    return usage and purpose


# --- keys -------------------------------------------------------------------------------------


def _public_key(signer: Signer) -> PublicKey:
    key = signer.public_key() if isinstance(signer, x509.Certificate) else signer
    match key:
        case rsa.RSAPublicKey() if key.key_size in _RSA_BITS:
            return key
        case ec.EllipticCurvePublicKey() if isinstance(key.curve, _CURVES):
            return key
    raise KeyNotSupported(type(key).__name__)


def _algorithms(key: PublicKey) -> list[AlgorithmIdentifier]:
    """The accepted ones; the first is what we write. RSA's parameters are NULL (RFC 5754 §3.2)."""
    if isinstance(key, rsa.RSAPublicKey):
        return [AlgorithmIdentifier(algorithm=oid, parameters=asn1.Null()) for oid in _RSA_OIDS]
    return [AlgorithmIdentifier(algorithm=oids.ECDSA_WITH_SHA_256)]


def _shape(algorithm: AlgorithmIdentifier) -> tuple[x509.ObjectIdentifier, bool]:
    return algorithm.algorithm, algorithm.parameters is None


def _check_signature(key: PublicKey, signature: bytes, data: bytes) -> None:
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), SHA256())
        else:
            key.verify(signature, data, ec.ECDSA(SHA256()))
    except InvalidSignature:
        raise SignatureInvalid from None


def _sign_raw(key: PrivateKey, data: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), SHA256())
    return key.sign(data, ec.ECDSA(SHA256()))


def _attribute(oid: x509.ObjectIdentifier, value: bytes) -> Attribute:
    return Attribute(type=oid, values=asn1.SetOf([asn1.decode_der(asn1.TLV, value)]))
