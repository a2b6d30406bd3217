"""The whole container: built, judged by openssl, read, and refused."""

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.unit.container.conftest import Backup, make_certificate

from custode.container import inner, iwk, outer
from custode.container.errors import ContainerInvalid
from custode_authority.wire import cms, manifest, oids, recovery


def openssl(folder: Path, arguments: str) -> str:
    command = ["openssl", "cms", *arguments.split()]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode(errors="replace")


def test_openssl_verifies_the_outside_and_decrypts_with_the_recovery_key(
    tmp_path: Path, backup: Backup
) -> None:
    (tmp_path / "iw.iwk").write_bytes(backup.data)
    (tmp_path / "cert.pem").write_bytes(backup.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "recovery.pem").write_bytes(
        backup.recovery.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    openssl(
        tmp_path,
        "-verify -binary -inform DER -in iw.iwk -certfile cert.pem -CAfile cert.pem -purpose any"
        " -out outer",
    )
    openssl(tmp_path, "-decrypt -binary -inform DER -in outer -inkey recovery.pem -out inner")
    assert (tmp_path / "inner").read_bytes() == backup.inner
    shown = openssl(tmp_path, "-cmsout -print -noout -inform DER -in iw.iwk")
    assert '"identity_code":"PROVA01"' in shown


def test_it_says_what_it_is(backup: Backup) -> None:
    container = iwk.parse(backup.data)
    assert container.manifest == backup.manifest
    assert container.sha256 == hashlib.sha256(backup.data).hexdigest()
    assert container.signer_key_id == cms.key_id(backup.certificate)
    iwk.verify(container, backup.certificate)
    assert len(repr(container)) < 1000  # no layers in logs


def test_all_the_way_in(backup: Backup, pin: bytes) -> None:
    container = iwk.parse(backup.data)
    content_key = recovery.unwrap_content_key(iwk.recipient_info(container), backup.recovery)
    sealed = outer.open_with_content_key(container.outer, content_key)
    key = inner.open_sealed(sealed, pin, container.manifest.successor_sha256)
    assert key.private_numbers() == backup.successor.private_numbers()


def test_the_trial_comes_before_the_seal(backup: Backup) -> None:
    class TrialFailed(Exception):
        pass

    def trial(sealed: bytes) -> None:
        assert sealed == backup.inner
        raise TrialFailed

    def sign(data: bytes) -> bytes:
        raise AssertionError

    with pytest.raises(TrialFailed):
        iwk.build(
            backup.manifest,
            backup.inner,
            backup.recovery.public_key(),
            sign,
            backup.certificate,
            trial=trial,
        )


@pytest.mark.parametrize(
    "change", [{"original_sha256": "0" * 64}, {"identity_code": "no code"}, {"salt": b""}]
)
def test_nothing_is_built_about_something_else(
    backup: Backup, change: dict[str, str | bytes]
) -> None:
    with pytest.raises(ContainerInvalid):
        iwk.build(
            msgspec.structs.replace(backup.manifest, **change),
            backup.inner,
            backup.recovery.public_key(),
            backup.sign,
            backup.certificate,
            trial=lambda _: None,
        )


def test_another_certificate_of_the_same_key_is_not_the_original(backup: Backup) -> None:
    twin = make_certificate(backup.original)
    assert cms.key_id(twin) == backup.container.signer_key_id
    with pytest.raises(ContainerInvalid):
        iwk.verify(backup.container, twin)


def signed(
    backup: Backup,
    attributes: list[tuple[str, bytes]],
    *,
    detached: bool = False,
    content: bytes | None = None,
    key: rsa.RSAPrivateKey | None = None,
) -> bytes:
    signer = key or backup.original
    return cms.sign(
        backup.container.outer if content is None else content,
        lambda data: signer.sign(data, padding.PKCS1v15(), SHA256()),
        signer.public_key(),
        detached=detached,
        extra_attributes=[(x509.ObjectIdentifier(oid), value) for oid, value in attributes],
        content_type=oids.CONTENT_INFO,
    )


def about(backup: Backup) -> tuple[str, bytes]:
    text = manifest.encode(backup.manifest).decode()
    return oids.MANIFEST.dotted_string, asn1.encode_der(text)


FORGED: dict[str, Callable[[Backup], bytes]] = {
    "empty": lambda _: b"",
    "truncated": lambda backup: backup.data[:-1],
    "trailing": lambda backup: backup.data + b"\0",
    "too large": lambda _: bytes(17 * 1024),
    "no manifest": lambda backup: signed(backup, []),
    "another attribute": lambda backup: signed(backup, [about(backup), ("2.25.1", b"\x05\0")]),
    "manifest of another type": lambda backup: signed(
        backup, [(oids.MANIFEST.dotted_string, asn1.encode_der(manifest.encode(backup.manifest)))]
    ),
    "manifest of nothing": lambda backup: signed(
        backup, [(oids.MANIFEST.dotted_string, asn1.encode_der("{}"))]
    ),
    "detached": lambda backup: signed(backup, [about(backup)], detached=True),
    "other content": lambda backup: signed(backup, [about(backup)], content=b"no layer"),
}


@pytest.mark.parametrize("name", FORGED)
def test_not_a_container(backup: Backup, name: str) -> None:
    with pytest.raises(ContainerInvalid) as error:
        iwk.parse(FORGED[name](backup))
    assert str(error.value) == ""


def test_signed_by_another(backup: Backup) -> None:
    thief = rsa.generate_private_key(65537, 2048)
    forged = iwk.parse(signed(backup, [about(backup)], key=thief))
    for certificate in (backup.certificate, make_certificate(thief)):
        with pytest.raises(ContainerInvalid):
            iwk.verify(forged, certificate)


def test_signed_as_another_type_of_content(backup: Backup) -> None:
    _, value = about(backup)
    data = cms.sign(
        backup.container.outer,
        backup.sign,
        backup.certificate,
        detached=False,
        extra_attributes=[(oids.MANIFEST, value)],
    )
    with pytest.raises(ContainerInvalid):
        iwk.verify(iwk.parse(data), backup.certificate)


def test_layers_swapped_after_reading(backup: Backup) -> None:
    other = outer.seal(backup.inner, ec.generate_private_key(ec.SECP256R1()).public_key())
    container = backup.container
    swapped = iwk.Container(
        container.manifest, other, container.sha256, container.signer_key_id, container.data
    )
    with pytest.raises(ContainerInvalid):
        iwk.verify(swapped, backup.certificate)


def test_no_flipped_bit_and_no_truncation_passes(backup: Backup) -> None:
    sample = range(0, len(backup.data), 5)
    for at in sample:
        flipped = bytearray(backup.data)
        flipped[at] ^= 1 << at % 8
        for data in (bytes(flipped), backup.data[:at]):
            with pytest.raises(ContainerInvalid):
                iwk.verify(iwk.parse(data), backup.certificate)
