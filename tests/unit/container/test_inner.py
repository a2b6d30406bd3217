"""The PIN layer: opened by other programs' readers, and never at another price than agreed."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_der_private_key,
)
from tests.unit.container.conftest import Backup

from custode.container import inner
from custode.container.errors import BackupPinRefused, Undecryptable


def test_any_pkcs8_reader_with_scrypt_opens_it(backup: Backup, pin: bytes) -> None:
    key = load_der_private_key(backup.inner, pin)
    assert isinstance(key, type(backup.successor))
    assert key.private_numbers() == backup.successor.private_numbers()


def test_we_open_it_and_say_no_uniformly(backup: Backup, pin: bytes) -> None:
    sha256 = backup.manifest.successor_sha256
    opened = inner.open_sealed(backup.inner, bytearray(pin), sha256)
    assert inner.key_sha256(opened) == sha256
    for wrong_pin, wrong_sha256 in ((b"another PIN", sha256), (pin, "0" * 64)):
        with pytest.raises(Undecryptable) as error:
            inner.open_sealed(backup.inner, wrong_pin, wrong_sha256)
        assert str(error.value) == ""
        assert error.value.__cause__ is None


def test_rsa_too() -> None:
    key = rsa.generate_private_key(65537, 2048)
    sealed = inner.seal(key, bytearray(b"12345678"))
    assert inner.key_sha256(inner.open_sealed(sealed, b"12345678", inner.key_sha256(key)))


def test_a_bad_pin_seals_nothing(backup: Backup) -> None:
    with pytest.raises(BackupPinRefused):
        inner.seal(backup.successor, b"1234567")


def changed(change: Callable[[inner.EncryptedPrivateKeyInfo], None]) -> Callable[[bytes], bytes]:
    def apply(der: bytes) -> bytes:
        info = asn1.decode_der(inner.EncryptedPrivateKeyInfo, der)
        change(info)
        return asn1.encode_der(info)

    return apply


def scrypt(**values: Any) -> Callable[[bytes], bytes]:
    def change(info: inner.EncryptedPrivateKeyInfo) -> None:
        algorithm = info.algorithm.parameters.key_derivation
        algorithm.parameters = dataclasses.replace(algorithm.parameters, **values)

    return changed(change)


def cbc(**values: Any) -> Callable[[bytes], bytes]:
    def change(info: inner.EncryptedPrivateKeyInfo) -> None:
        pbes2 = info.algorithm.parameters
        pbes2.encryption = dataclasses.replace(pbes2.encryption, **values)

    return changed(change)


def encrypted(data: bytes) -> Callable[[bytes], bytes]:
    def change(info: inner.EncryptedPrivateKeyInfo) -> None:
        info.encrypted_data = data

    return changed(change)


OUT_OF_RANGE: dict[str, Callable[[bytes], bytes]] = {
    "a bomb of memory": scrypt(cost=2**30),
    "a bomb of time": scrypt(parallelization=2**20),
    "a bomb of blocks": scrypt(block_size=2**20),
    "a huge number": scrypt(cost=2**4000),
    "a cheap one": scrypt(cost=2**14),
    "cost zero": scrypt(cost=0),
    "negative": scrypt(cost=-(2**17)),
    "short salt": scrypt(salt=bytes(8)),
    "long salt": scrypt(salt=bytes(4096)),
    "short key": scrypt(key_length=16),
    "AES-128": cbc(algorithm=x509.ObjectIdentifier("2.16.840.1.101.3.4.1.2")),
    "short vector": cbc(iv=bytes(8)),
    "half a block": encrypted(bytes(40)),
    "too large": encrypted(bytes(8192)),
    "trailing": lambda der: der + b"\0",
    "truncated": lambda der: der[:-1],
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("name", OUT_OF_RANGE)
def test_out_of_range_is_refused_before_any_work(backup: Backup, pin: bytes, name: str) -> None:
    hostile = OUT_OF_RANGE[name](backup.inner)
    begin = time.thread_time()
    with pytest.raises(Undecryptable):
        inner.open_sealed(hostile, pin, backup.manifest.successor_sha256)
    assert time.thread_time() - begin < 0.1


def test_pbkdf2_is_not_taken(backup: Backup, pin: bytes) -> None:
    other = backup.successor.private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(pin)
    )
    with pytest.raises(Undecryptable):
        inner.open_sealed(other, pin, backup.manifest.successor_sha256)


def test_an_empty_ciphertext(backup: Backup, pin: bytes) -> None:
    hostile = encrypted(b"")(backup.inner)
    with pytest.raises(Undecryptable):
        inner.open_sealed(hostile, pin, backup.manifest.successor_sha256)
