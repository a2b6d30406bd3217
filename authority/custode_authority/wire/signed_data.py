"""The ASN.1 of CMS SignedData (RFC 5652 §5), narrowed to what both sides of the counter use.

`cryptography.hazmat.asn1` reads strict DER: another length form, an unsorted SET, bytes behind the
end, an optional field that is not written here (crls, unsignedAttrs) are all refused.
"""

from __future__ import annotations

from typing import Annotated

from cryptography import x509
from cryptography.hazmat import asn1


@asn1.sequence
class AlgorithmIdentifier:
    """RFC 5280 §4.1.1.2, for algorithms whose parameters are NULL or absent."""

    algorithm: x509.ObjectIdentifier
    parameters: asn1.Null | None = None


@asn1.sequence
class Attribute:
    """RFC 5652 §5.3."""

    type: x509.ObjectIdentifier
    values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class SignerInfo:
    """RFC 5652 §5.3: named by key identifier, with signed attributes and no unsigned ones."""

    version: int
    subject_key_identifier: Annotated[bytes, asn1.Implicit(0)]
    digest_algorithm: AlgorithmIdentifier
    signed_attributes: Annotated[asn1.SetOf[Attribute], asn1.Implicit(0)]
    signature_algorithm: AlgorithmIdentifier
    signature: bytes


@asn1.sequence
class EncapsulatedContentInfo:
    """RFC 5652 §5.2; `content` is absent in a detached signature."""

    content_type: x509.ObjectIdentifier
    content: Annotated[bytes | None, asn1.Explicit(0)] = None


@asn1.sequence
class SignedData:
    """RFC 5652 §5.1, without revocation lists."""

    version: int
    digest_algorithms: asn1.SetOf[AlgorithmIdentifier]
    encapsulated: EncapsulatedContentInfo
    certificates: Annotated[asn1.SetOf[x509.Certificate] | None, asn1.Implicit(0)] = None
    signer_infos: asn1.SetOf[SignerInfo]


@asn1.sequence
class SignedContentInfo:
    """RFC 5652 §3, holding a SignedData."""

    content_type: x509.ObjectIdentifier
    content: Annotated[SignedData, asn1.Explicit(0)]
