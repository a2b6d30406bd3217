"""Who may speak for the authority, and when."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.unit.wire.conftest import CONTENT, NOW, certificate, key

from custode_authority.wire import cms, oids

SIGNS = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
SIGNS_ONLY_CRLS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
STATES = x509.ExtendedKeyUsage([oids.STATEMENT_SIGNING])
END_ENTITY = x509.BasicConstraints(ca=False, path_length=None)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.25.1"), b"\x05\0")
BROKEN = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.15"), b"\xff")  # keyUsage


def statement(*extensions: tuple[x509.ExtensionType, bool], issuer: str = "rsa2048/ca") -> bytes:
    own = certificate(key("p256"), *extensions, issuer=key(issuer))
    return cms.sign_with_key(CONTENT, key("p256"), detached=False, certificates=[own])


def ca() -> x509.Certificate:
    return certificate(key("rsa2048/ca"))


def test_a_statement_of_the_authority() -> None:
    verified = cms.verify_chained(
        statement((SIGNS, True), (STATES, True), (END_ENTITY, True), (UNKNOWN, False)), ca(), NOW
    )
    assert verified.content == CONTENT
    assert verified.certificate is not None
    assert verified.certificate.issuer == ca().subject


def test_a_detached_statement() -> None:
    own = certificate(key("p256"), (SIGNS, True), (STATES, False), issuer=key("rsa2048/ca"))
    der = cms.sign_with_key(CONTENT, key("p256"), detached=True, signer=own, certificates=[own])
    assert cms.verify_chained(der, ca(), NOW, CONTENT).content == CONTENT


@pytest.mark.parametrize(
    "extensions",
    [
        pytest.param([(SIGNS, True)], id="a user's certificate: no extended usage"),
        pytest.param(
            [(SIGNS, True), (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)],
            id="another extended usage",
        ),
        pytest.param([(STATES, False)], id="no usage"),
        pytest.param([(SIGNS_ONLY_CRLS, True), (STATES, False)], id="may not sign"),
        pytest.param(
            [
                (SIGNS, True),
                (STATES, False),
                (x509.BasicConstraints(ca=True, path_length=None), True),
            ],
            id="a CA",
        ),
        pytest.param([(SIGNS, True), (STATES, False), (UNKNOWN, True)], id="unknown and critical"),
        pytest.param([(BROKEN, True), (STATES, False)], id="unreadable"),
    ],
)
def test_who_may_not_state(extensions: list[tuple[x509.ExtensionType, bool]]) -> None:
    with pytest.raises(cms.SignatureInvalid):
        cms.verify_chained(statement(*extensions), ca(), NOW)


@pytest.mark.parametrize("days", [-2, 30])
def test_a_statement_out_of_time(days: int) -> None:
    der = statement((SIGNS, True), (STATES, False))
    with pytest.raises(cms.SignatureInvalid):
        cms.verify_chained(der, ca(), NOW + timedelta(days=days))


def test_a_statement_when_the_ca_has_expired() -> None:
    der = statement((SIGNS, True), (STATES, False))
    old = certificate(key("rsa2048/ca"), begins=NOW - timedelta(days=40))
    with pytest.raises(cms.SignatureInvalid):
        cms.verify_chained(der, old, NOW)


def test_a_statement_under_another_ca() -> None:
    der = statement((SIGNS, True), (STATES, False), issuer="rsa2048/another")
    with pytest.raises(cms.SignatureInvalid):
        cms.verify_chained(der, ca(), NOW)
    with pytest.raises(cms.SignatureInvalid):
        cms.verify_chained(der, certificate(key("rsa2048/ca"), issuer_name="Other"), NOW)


def test_a_statement_brings_one_certificate() -> None:
    own = certificate(key("p256"), (SIGNS, True), (STATES, False), issuer=key("rsa2048/ca"))
    for carried in ([], [own, ca()]):
        der = cms.sign_with_key(
            CONTENT, key("p256"), detached=False, signer=own, certificates=carried
        )
        with pytest.raises(cms.SignatureInvalid):
            cms.verify_chained(der, ca(), NOW)


def test_a_statement_signed_with_another_key_than_its_certificates() -> None:
    own = certificate(key("p256"), (SIGNS, True), (STATES, False), issuer=key("rsa2048/ca"))
    der = cms.sign_with_key(CONTENT, key("p256/2"), detached=False, certificates=[own])
    with pytest.raises(cms.SignatureInvalid):
        cms.verify_chained(der, ca(), NOW)


def test_a_certificate_of_no_version() -> None:
    der = statement((SIGNS, True), (STATES, False))
    version_3 = bytes.fromhex("a003020102")  # RFC 5280 §4.1.2.1
    assert der.count(version_3) == 1
    with pytest.raises(cms.SignatureInvalid):
        cms.verify_chained(der.replace(version_3, bytes.fromhex("a003020154")), ca(), NOW)
