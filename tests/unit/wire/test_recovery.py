"""The wrapped content key: opens with its recovery key, in its one form, and with no other."""

import pytest
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import SubjectKeyIdentifier

from custode_authority.wire import recovery
from custode_authority.wire.recovery import RecoveryFailed

KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())
CONTENT_KEY = bytes(range(32))
WRAPPED = recovery.wrap_content_key(CONTENT_KEY, KEY.public_key())


def spki(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def info() -> recovery.KeyAgreeRecipientInfo:
    return asn1.decode_der(recovery.KeyAgreeRecipientInfo, b"\x30" + WRAPPED[1:])


def encoded(changed: recovery.KeyAgreeRecipientInfo) -> bytes:
    return b"\xa1" + asn1.encode_der(changed)[1:]


def test_round_trip() -> None:
    assert recovery.unwrap_content_key(WRAPPED, KEY) == CONTENT_KEY
    expected = SubjectKeyIdentifier.from_public_key(KEY.public_key()).digest
    assert recovery.recipient_key_id(WRAPPED) == expected


def test_every_wrapping_is_another() -> None:
    assert recovery.wrap_content_key(CONTENT_KEY, KEY.public_key()) != WRAPPED


def test_another_key() -> None:
    with pytest.raises(RecoveryFailed):
        recovery.unwrap_content_key(WRAPPED, OTHER)


def test_another_key_that_has_the_name() -> None:
    changed = info()
    changed.keys[0].recipient.subject_key_identifier = SubjectKeyIdentifier.from_public_key(
        OTHER.public_key()
    ).digest
    with pytest.raises(RecoveryFailed):
        recovery.unwrap_content_key(encoded(changed), OTHER)


def test_no_flipped_bit_passes() -> None:
    for at in range(len(WRAPPED)):
        flipped = bytearray(WRAPPED)
        flipped[at] ^= 0x01
        with pytest.raises(RecoveryFailed):
            recovery.unwrap_content_key(bytes(flipped), KEY)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xa1", WRAPPED[:-1], WRAPPED + b"\0", b"\x30" + WRAPPED[1:], bytes(1000)],
    ids=["empty", "tag only", "truncated", "trailing", "no choice", "too large"],
)
def test_other_forms(data: bytes) -> None:
    with pytest.raises(RecoveryFailed):
        recovery.unwrap_content_key(data, KEY)


def test_two_recipients() -> None:
    changed = info()
    changed.keys *= 2
    with pytest.raises(RecoveryFailed):
        recovery.recipient_key_id(encoded(changed))


def test_other_lengths() -> None:
    changed = info()
    changed.keys[0].encrypted_key = bytes(24)  # a 128-bit key, wrapped
    with pytest.raises(RecoveryFailed):
        recovery.recipient_key_id(encoded(changed))


def test_a_point_that_is_not_on_the_curve() -> None:
    changed = info()
    changed.originator.key.public_key = asn1.BitString(b"\x04" + bytes(63) + b"\x01", 0)
    with pytest.raises(RecoveryFailed):
        recovery.unwrap_content_key(encoded(changed), KEY)


def test_the_recovery_key_is_read_back() -> None:
    key = recovery.load_recovery_public_key(spki(KEY.public_key()))
    assert key.public_numbers() == KEY.public_key().public_numbers()


@pytest.mark.parametrize(
    "der",
    [
        b"",
        spki(ec.generate_private_key(ec.SECP384R1()).public_key()),
        spki(rsa.generate_private_key(65537, 2048).public_key()),
        spki(ed25519.Ed25519PrivateKey.generate().public_key()),
    ],
    ids=["empty", "P-384", "RSA", "Ed25519"],
)
def test_other_recovery_keys(der: bytes) -> None:
    with pytest.raises(RecoveryFailed):
        recovery.load_recovery_public_key(der)
