"""CMS signatures: made by us and judged by openssl, made by openssl and taken by us."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.unit.wire.conftest import CONTENT, certificate, key, raw_signature, ski

from custode_authority.wire import cms, oids

KINDS = ("rsa2048", "p256", "p384")


def openssl(folder: Path, arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = ["openssl", "cms", *arguments.split()]
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=20, check=False)


def write_pem(folder: Path, subject: cms.PrivateKey, own: x509.Certificate) -> None:
    (folder / "cert.pem").write_bytes(own.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        subject.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (folder / "content").write_bytes(CONTENT)


# --- both ways with openssl -------------------------------------------------------------------


@pytest.mark.parametrize("detached", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_openssl_accepts_ours(tmp_path: Path, kind: str, detached: bool) -> None:
    own = certificate(key(kind), ski(key(kind)), begins=datetime.now(UTC) - timedelta(days=1))
    write_pem(tmp_path, key(kind), own)
    der = cms.sign_with_key(CONTENT, key(kind), detached=detached)
    (tmp_path / "signed").write_bytes(der)
    judged = openssl(
        tmp_path,
        "-verify -binary -inform DER -in signed -certfile cert.pem -CAfile cert.pem -purpose any"
        " -out out" + (" -content content" if detached else ""),
    )
    assert judged.returncode == 0, judged.stderr
    assert (tmp_path / "out").read_bytes() == CONTENT
    verified = cms.verify(der, own, CONTENT if detached else None)
    assert verified == cms.Verified(CONTENT, {}, cms.key_id(own))


@pytest.mark.parametrize("kind", KINDS)
def test_we_accept_openssls(tmp_path: Path, kind: str) -> None:
    own = certificate(key(kind), ski(key(kind)))
    write_pem(tmp_path, key(kind), own)
    made = openssl(
        tmp_path,
        "-sign -binary -nodetach -nocerts -keyid -md sha256 -in content -signer cert.pem"
        " -inkey key.pem -outform DER",
    )
    assert made.returncode == 0, made.stderr
    verified = cms.verify(made.stdout, key(kind).public_key())
    assert verified.content == CONTENT
    assert "1.2.840.113549.1.9.5" in verified.attributes  # signingTime, RFC 5652 §11.3


# --- making -----------------------------------------------------------------------------------


def test_a_token_signs_and_attributes_come_back() -> None:
    asked = []

    def token(data: bytes) -> bytes:
        asked.append(data)
        return raw_signature(key("p256"), data)

    value = asn1.encode_der("ciao")
    der = cms.sign(
        CONTENT,
        token,
        key("p256").public_key(),
        detached=False,
        extra_attributes=[(oids.MANIFEST, value)],
        content_type=oids.CONTENT_INFO,
    )
    [to_sign] = asked
    assert to_sign[0] == 0x31  # the SET OF, not the [0] that stands in the message
    verified = cms.verify(der, key("p256").public_key(), content_type=oids.CONTENT_INFO)
    assert verified.attributes == {oids.MANIFEST.dotted_string: value}
    claim = cms.peek(der)
    assert claim == cms.Claim(verified.signer_key_id, CONTENT, verified.attributes)
    assert cms.signer_key_id(der) == verified.signer_key_id


def test_a_token_that_signs_wrongly_is_caught() -> None:
    with pytest.raises(cms.SignatureInvalid):
        cms.sign(CONTENT, lambda data: data, key("p256").public_key(), detached=True)


@pytest.mark.parametrize("kind", ["rsa1024", "k256"])
def test_weak_and_odd_keys_sign_nothing(kind: str) -> None:
    with pytest.raises(cms.KeyNotSupported):
        cms.sign_with_key(CONTENT, key(kind), detached=True)


def test_key_identifier_is_the_certificates_own() -> None:
    plain = cms.key_id(key("p256").public_key())
    assert len(plain) == 20
    assert cms.key_id(certificate(key("p256"))) == plain
    chosen = certificate(key("p256"), (x509.SubjectKeyIdentifier(b"chosen"), False))
    assert cms.key_id(chosen) == b"chosen"
    der = cms.sign_with_key(CONTENT, key("p256"), detached=False, signer=chosen)
    assert cms.verify(der, chosen).signer_key_id == b"chosen"
    with pytest.raises(cms.SignatureInvalid):
        cms.verify(der, key("p256").public_key())


# --- whoever signed ---------------------------------------------------------------------------


def test_whole_says_that_nothing_was_changed_and_not_who_signed() -> None:
    own = certificate(key("p256"), ski(key("p256")))
    der = cms.sign_with_key(CONTENT, key("p256"), detached=False, certificates=[own])
    assert cms.verify_whole(der).content == CONTENT
    changed = der.replace(CONTENT, CONTENT[::-1])
    assert changed != der
    with pytest.raises(cms.SignatureInvalid):
        cms.verify_whole(changed)
    with pytest.raises(cms.SignatureInvalid):  # nobody's certificate came along
        cms.verify_whole(cms.sign_with_key(CONTENT, key("p256"), detached=False))
