"""HPKE re-sealing, judged by RFC 9180 written out once more."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from custode_authority.wire import reseal
from custode_authority.wire.reseal import UnsealFailed

EPHEMERAL = X25519PrivateKey.generate()
PUBLIC = EPHEMERAL.public_key().public_bytes_raw()
CONTENT_KEY = bytes(range(32))
GRANT = b"the signed grant"
SEALED = reseal.seal(CONTENT_KEY, PUBLIC, GRANT)


def extract(suite: bytes, salt: bytes, label: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + secret, "sha256")


def expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(key, labelled + b"\x01", "sha256")[:length]  # one block is enough here


def open_by_the_book(sealed: bytes, info: bytes) -> bytes:
    """RFC 9180 §4.1 and §5.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, base mode."""
    enc, ciphertext = sealed[:32], sealed[32:]
    kem = b"KEM" + (0x0020).to_bytes(2, "big")
    shared = EPHEMERAL.exchange(X25519PublicKey.from_public_bytes(enc))
    prk = extract(kem, b"", b"eae_prk", shared)
    secret = expand(kem, prk, b"shared_secret", enc + PUBLIC, 32)
    suite = b"HPKE" + b"\x00\x20" + b"\x00\x01" + b"\x00\x02"
    context = (
        b"\x00" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    )
    prk = extract(suite, secret, b"secret", b"")
    key = expand(suite, prk, b"key", context, 32)
    nonce = expand(suite, prk, b"base_nonce", context, 12)
    return AESGCM(key).decrypt(nonce, ciphertext, b"")


def test_round_trip() -> None:
    assert len(SEALED) == reseal.SEALED_LENGTH
    assert reseal.open_sealed(SEALED, EPHEMERAL, GRANT) == CONTENT_KEY


def test_it_is_the_hpke_we_say_it_is() -> None:
    assert open_by_the_book(SEALED, hashlib.sha256(GRANT).digest()) == CONTENT_KEY


def test_another_grant() -> None:
    with pytest.raises(UnsealFailed):
        reseal.open_sealed(SEALED, EPHEMERAL, GRANT + b" ")


def test_another_key() -> None:
    with pytest.raises(UnsealFailed):
        reseal.open_sealed(SEALED, X25519PrivateKey.generate(), GRANT)


@pytest.mark.parametrize(
    "sealed",
    [
        b"",
        SEALED[:-1],
        SEALED + b"\0",
        bytes(32) + SEALED[32:],  # a point of low order
        SEALED[:-1] + bytes([SEALED[-1] ^ 1]),
        reseal.seal(bytes(31), PUBLIC, GRANT),  # properly sealed, and no content key
    ],
)
def test_damaged(sealed: bytes) -> None:
    with pytest.raises(UnsealFailed):
        reseal.open_sealed(sealed, EPHEMERAL, GRANT)


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(32), b"\x01" + bytes(31)])
def test_no_key_to_seal_to(public: bytes) -> None:
    with pytest.raises(ValueError, match=r"key"):
        reseal.seal(CONTENT_KEY, public, GRANT)
