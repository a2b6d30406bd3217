"""The PIN layer of a copy: what a token wrapped, readable by anybody, and at no other price."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap_with_padding,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.container.conftest import Backup

from custode.container import copied, inner, iwk
from custode.container.errors import BackupPinRefused, ContainerInvalid, Undecryptable
from custode_authority.wire import cms, manifest, oids
from custode_authority.wire.states import BackupKind

KEY = ec.generate_private_key(ec.SECP256R1())
PKCS8 = KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture(scope="module")
def sealed(pin: bytes) -> bytes:
    salt = copied.new_salt()
    key = copied.key_encryption_key(pin, salt)
    return copied.seal(salt, aes_key_wrap_with_padding(bytes(key), PKCS8))


def test_pin_and_standards_open_it(sealed: bytes, pin: bytes) -> None:
    read = copied.read(sealed)
    key = Scrypt(salt=read.salt, length=32, n=2**17, r=8, p=1).derive(pin)
    private = load_der_private_key(aes_key_unwrap_with_padding(key, read.wrapped), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    assert private.public_key() == KEY.public_key()
    with pytest.raises(InvalidUnwrap):
        aes_key_unwrap_with_padding(
            bytes(copied.key_encryption_key(pin + b"!", read.salt)), read.wrapped
        )


def test_each_has_a_salt_of_its_own() -> None:
    assert copied.new_salt() != copied.new_salt()


def test_a_bad_pin_makes_no_key() -> None:
    with pytest.raises(BackupPinRefused):
        copied.key_encryption_key(b"1234567", bytes(16))


def changed(change: Callable[[copied.EncryptedPrivateKeyInfo], None]) -> Callable[[bytes], bytes]:
    def apply(der: bytes) -> bytes:
        info = asn1.decode_der(copied.EncryptedPrivateKeyInfo, der)
        change(info)
        return asn1.encode_der(info)

    return apply


def scrypt(**values: Any) -> Callable[[bytes], bytes]:
    def change(info: copied.EncryptedPrivateKeyInfo) -> None:
        algorithm = info.algorithm.parameters.key_derivation
        algorithm.parameters = dataclasses.replace(algorithm.parameters, **values)

    return changed(change)


def wrap(name: str) -> Callable[[bytes], bytes]:
    def change(info: copied.EncryptedPrivateKeyInfo) -> None:
        encryption = info.algorithm.parameters.encryption
        encryption.algorithm = x509.ObjectIdentifier(name)

    return changed(change)


def wrapped(data: bytes) -> Callable[[bytes], bytes]:
    def change(info: copied.EncryptedPrivateKeyInfo) -> None:
        info.encrypted_data = data

    return changed(change)


OUT_OF_RANGE: dict[str, Callable[[bytes], bytes]] = {
    "a bomb of memory": scrypt(cost=2**30),
    "a cheap one": scrypt(cost=2**14),
    "another block size": scrypt(block_size=1),
    "a bomb of time": scrypt(parallelization=2**20),
    "short salt": scrypt(salt=bytes(8)),
    "short key": scrypt(key_length=16),
    "AES-128": wrap("2.16.840.1.101.3.4.1.8"),
    "without padding (RFC 3394)": wrap("2.16.840.1.101.3.4.1.45"),
    "half a block": wrapped(bytes(28)),
    "two blocks": wrapped(bytes(16)),
    "too large": wrapped(bytes(4104)),
    "empty": wrapped(b""),
    "trailing": lambda der: der + b"\0",
    "truncated": lambda der: der[:-1],
    "huge": lambda der: der + bytes(8192),
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("name", OUT_OF_RANGE)
def test_out_of_range_is_refused_before_any_work(sealed: bytes, name: str) -> None:
    begin = time.thread_time()
    with pytest.raises(Undecryptable):
        copied.read(OUT_OF_RANGE[name](sealed))
    assert time.thread_time() - begin < 0.1


def test_a_token_that_wrapped_nothing_is_not_sealed() -> None:
    for nothing in (b"", bytes(23), bytes(5000)):
        with pytest.raises(Undecryptable):
            copied.seal(copied.new_salt(), nothing)


@given(st.binary(max_size=600))
@settings(max_examples=60, deadline=None)
def test_whatever_it_is_it_is_read_or_refused(data: bytes) -> None:
    with pytest.raises(Undecryptable):
        copied.read(data)


def test_the_two_kinds_of_layer_are_not_taken_for_each_other(
    backup: Backup, sealed: bytes, pin: bytes
) -> None:
    with pytest.raises(Undecryptable):
        copied.read(backup.inner)
    with pytest.raises(Undecryptable):
        inner.open_sealed(sealed, pin, backup.manifest.successor_sha256)


def built(backup: Backup, about: manifest.Manifest, sealed: bytes) -> bytes:
    return iwk.build(
        about,
        sealed,
        backup.recovery.public_key(),
        backup.sign,
        backup.certificate,
        trial=lambda _: None,
    )


def of_the_original(backup: Backup) -> manifest.Manifest:
    return msgspec.structs.replace(
        backup.manifest, kind=BackupKind.COPY, successor_sha256=inner.key_sha256(backup.original)
    )


def test_a_container_of_a_copy(backup: Backup, sealed: bytes) -> None:
    about = of_the_original(backup)
    container = iwk.parse(built(backup, about, sealed))
    iwk.verify(container, backup.certificate)
    assert container.manifest == about


@pytest.mark.parametrize("kind", BackupKind)
def test_a_kind_that_the_key_belies_is_refused_however_well_it_is_signed(
    backup: Backup, sealed: bytes, kind: BackupKind
) -> None:
    """A copy of another key; a successor that is the original's own."""
    right = of_the_original(backup) if kind is BackupKind.COPY else backup.manifest
    other = BackupKind.SUCCESSOR if kind is BackupKind.COPY else BackupKind.COPY
    about = msgspec.structs.replace(right, kind=other)
    with pytest.raises(ContainerInvalid):
        built(backup, about, sealed)
    data = cms.sign(
        iwk.parse(backup.data).outer,
        backup.sign,
        backup.certificate,
        detached=False,
        extra_attributes=[(oids.MANIFEST, asn1.encode_der(manifest.encode(about).decode()))],
        content_type=oids.CONTENT_INFO,
    )
    with pytest.raises(ContainerInvalid):
        iwk.verify(iwk.parse(data), backup.certificate)


def test_an_edited_kind_breaks_the_signature(backup: Backup, sealed: bytes) -> None:
    data = built(backup, of_the_original(backup), sealed)
    edited = data.replace(b'"kind":"copy"', b'"kind":"Copy"')
    assert edited != data
    with pytest.raises(ContainerInvalid):
        iwk.parse(edited)
