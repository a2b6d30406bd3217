"""The backup PIN's rules, and the key made from it."""

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from custode.container import pin_key
from custode.container.errors import BackupPinRefused
from custode_authority.wire.pin import PinReason

SALT = bytes(range(16))


@pytest.mark.parametrize(
    ("pin", "reason"),
    [
        (b"", PinReason.TOO_SHORT),
        (b"1234567", PinReason.TOO_SHORT),
        (b"x" * 129, PinReason.TOO_LONG),
        (b"1234567\n", PinReason.NOT_PRINTABLE_ASCII),
        (b"1234567\x7f", PinReason.NOT_PRINTABLE_ASCII),
        (b"1234567\x00", PinReason.NOT_PRINTABLE_ASCII),
        ("perché no".encode(), PinReason.NOT_PRINTABLE_ASCII),
    ],
)
def test_refused(pin: bytes, reason: PinReason) -> None:
    for form in (pin, bytearray(pin)):
        with pytest.raises(BackupPinRefused) as refused:
            pin_key.check(form)
        assert refused.value.reason is reason
        with pytest.raises(BackupPinRefused):
            pin_key.derive(form, SALT)


@pytest.mark.parametrize("pin", [b"12345678", b" ~ ~ ~ ~", b"x" * 128])
def test_taken(pin: bytes) -> None:
    pin_key.check(pin)  # does not raise
    pin_key.check(bytearray(pin))


def test_the_parameters_are_pinned() -> None:
    """Other numbers would make every registered PIN key another one: a new format version."""
    seed = Argon2id(
        salt=SALT,
        length=32,
        iterations=3,
        lanes=4,
        memory_cost=65536,
        ad=b"custode backup PIN key v1",
    ).derive(b"12345678")
    pin = bytearray(b"12345678")
    assert pin_key.derive(pin, SALT).private_bytes_raw() == seed
    assert pin == b"12345678"  # it is the caller's to wipe
    pin_key.wipe(pin)
    assert pin == bytes(8)


def test_salt_and_pin_matter() -> None:
    keys = {
        pin_key.derive(pin, salt).public_key().public_bytes_raw()
        for pin, salt in ((b"12345678", SALT), (b"12345679", SALT), (b"12345678", bytes(16)))
    }
    assert len(keys) == 3


def test_salts_are_drawn() -> None:
    assert len(pin_key.new_salt()) == 16
    assert pin_key.new_salt() != pin_key.new_salt()
