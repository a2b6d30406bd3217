"""Signatures that are none: every check of the reader has one that only it catches."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ed25519
from tests.unit.wire.conftest import CONTENT, certificate, good, key, raw_signature

from custode_authority.wire import cms, oids
from custode_authority.wire.parameters import MAX_SIGNED_SIZE
from custode_authority.wire.signed_data import (
    AlgorithmIdentifier,
    Attribute,
    SignedContentInfo,
    SignedData,
    SignerInfo,
)


def parts(der: bytes) -> tuple[SignedData, SignerInfo]:
    signed = asn1.decode_der(SignedContentInfo, der).content
    return signed, signed.signer_infos.as_list()[0]


def rebuilt(signed: SignedData, *infos: SignerInfo) -> bytes:
    changed = dataclasses.replace(signed, signer_infos=asn1.SetOf(list(infos)))
    return asn1.encode_der(SignedContentInfo(content_type=oids.SIGNED_DATA, content=changed))


def with_signed(**changes: Any) -> Callable[[], bytes]:
    def make() -> bytes:
        signed, info = parts(good())
        return rebuilt(dataclasses.replace(signed, **changes), info)

    return make


def with_info(kind: str = "p256", **changes: Any) -> Callable[[], bytes]:
    def make() -> bytes:
        signed, info = parts(good(kind))
        return rebuilt(signed, dataclasses.replace(info, **changes))

    return make


def with_attributes(change: Callable[[list[Attribute]], list[Attribute]]) -> Callable[[], bytes]:
    """Attributes of another kind, properly signed."""

    def make() -> bytes:
        signed, info = parts(good())
        attributes = asn1.SetOf(change(info.signed_attributes.as_list()))
        signature = raw_signature(key("p256"), asn1.encode_der(attributes))
        return rebuilt(
            signed,
            dataclasses.replace(info, signed_attributes=attributes, signature=signature),
        )

    return make


def two_signers() -> bytes:
    signed, info = parts(good())
    _, other = parts(good("p384"))
    return rebuilt(signed, info, other)


def other_outer_type() -> bytes:
    info = asn1.decode_der(SignedContentInfo, good())
    return asn1.encode_der(dataclasses.replace(info, content_type=oids.DATA))


def without(oid: x509.ObjectIdentifier) -> Callable[[list[Attribute]], list[Attribute]]:
    return lambda attributes: [one for one in attributes if one.type != oid]


def twice(attributes: list[Attribute]) -> list[Attribute]:
    return [*attributes, attributes[0]]


def two_values(attributes: list[Attribute]) -> list[Attribute]:
    [value] = attributes[0].values.as_list()
    doubled = dataclasses.replace(attributes[0], values=asn1.SetOf([value, value]))
    return [doubled, *attributes[1:]]


SHA_384 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.2")
REFUSED: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "trailing byte": lambda: good() + b"\0",
    "truncated": lambda: good()[:-1],
    "too large": lambda: cms.sign_with_key(bytes(MAX_SIGNED_SIZE), key("p256"), detached=False),
    "other content info": other_outer_type,
    "version 1": with_signed(version=1),
    "signer version 1": with_info(version=1),
    "no signer": lambda: rebuilt(parts(good())[0]),
    "two signers": two_signers,
    "certificates inside": lambda: cms.sign_with_key(
        CONTENT, key("p256"), detached=False, certificates=[certificate(key("p256"))]
    ),
    "no digest algorithm": with_signed(digest_algorithms=asn1.SetOf([])),
    "other digest algorithm": with_signed(
        digest_algorithms=asn1.SetOf([AlgorithmIdentifier(algorithm=SHA_384)])
    ),
    "other digest of the signer": with_info(
        digest_algorithm=AlgorithmIdentifier(algorithm=SHA_384)
    ),
    "other signature algorithm": with_info(
        signature_algorithm=AlgorithmIdentifier(algorithm=oids.SHA_256_WITH_RSA)
    ),
    "parameters where none belong": with_info(
        signature_algorithm=AlgorithmIdentifier(
            algorithm=oids.ECDSA_WITH_SHA_256, parameters=asn1.Null()
        )
    ),
    "other key identifier": with_info(subject_key_identifier=b"another"),
    "other signature": with_info(signature=bytes(70)),
    "no attributes": with_attributes(lambda _: []),
    "no content type": with_attributes(without(oids.CONTENT_TYPE)),
    "no digest": with_attributes(without(oids.MESSAGE_DIGEST)),
    "an attribute twice": with_attributes(twice),
    "two values": with_attributes(two_values),
    "content type differs": lambda: cms.sign_with_key(
        CONTENT, key("p256"), detached=False, content_type=oids.CONTENT_INFO
    ),
    "detached": lambda: cms.sign_with_key(CONTENT, key("p256"), detached=True),
    "another key": lambda: good("p384"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    der = REFUSED[name]()
    with pytest.raises(cms.SignatureInvalid):
        cms.verify(der, key("p256").public_key())


def test_the_same_content_given_and_inside_is_one_too_many() -> None:
    with pytest.raises(cms.SignatureInvalid):
        cms.verify(good(), key("p256").public_key(), CONTENT)


def test_other_content() -> None:
    der = cms.sign_with_key(CONTENT, key("p256"), detached=True)
    with pytest.raises(cms.SignatureInvalid):
        cms.verify(der, key("p256").public_key(), CONTENT + b" ")


def test_rsa_needs_its_null() -> None:
    bare = AlgorithmIdentifier(algorithm=oids.SHA_256_WITH_RSA)
    der = with_info("rsa2048", signature_algorithm=bare)()
    with pytest.raises(cms.SignatureInvalid):
        cms.verify(der, key("rsa2048").public_key())


def test_other_length_forms_are_not_der() -> None:
    der = good()
    assert der[:2] == b"\x30\x82"
    longer = b"\x30\x83\x00" + der[2:]
    endless = b"\x30\x80" + der[4:] + b"\0\0"
    for other in (longer, endless):
        with pytest.raises(cms.SignatureInvalid):
            cms.peek(other)


@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
def test_no_flipped_bit_passes(kind: str) -> None:
    der = good(kind)
    for at in range(len(der)):
        for bit in (0x01, 0x80):
            flipped = bytearray(der)
            flipped[at] ^= bit
            with pytest.raises(cms.SignatureInvalid):
                cms.verify(bytes(flipped), key(kind).public_key())


def test_a_certificate_whose_key_cannot_sign() -> None:
    stranger = certificate(ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(cms.SignatureInvalid):
        cms.verify(good(), stranger)
