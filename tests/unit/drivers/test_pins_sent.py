"""What may be sent as a PIN, and what is told when it was right."""

from dataclasses import asdict, replace

import pytest
from tests.unit.drivers.counting_card import (
    NAMED,
    PINS,
    TOKEN,
    Card,
    FakeModule,
    failing,
    pipe_with,
    sessions,
)

from custode_drivers.api import errors
from custode_drivers.pkcs11.ckr import Ckr, CkrError
from custode_drivers.pkcs11.layout import UserType
from custode_drivers.pkcs11.operations import Operations

YUBIKEY = replace(TOKEN, manufacturer="Yubico (www.yubico.com)", min_pin=6, max_pin=48)


def test_a_pin_too_long_for_piv_never_gets_to_ykcs11() -> None:
    """It tells the length of its SO PIN, and says CKR_ARGUMENTS_BAD to such a PIN."""
    card = Card(YUBIKEY)
    with pytest.raises(errors.PinLength) as caught:
        sessions(card).login(YUBIKEY.identity, bytearray(b"123456789"), use_last_attempt=False)
    assert caught.value.data == {"min": 6, "max": 8, "role": "user"}
    assert card.sent == []


@pytest.mark.parametrize("new", [b"abcdef", b"00" * 16, b"00" * 23 + b"0z"])
def test_what_makes_no_management_key_is_not_set(new: bytes) -> None:
    """Ykcs11 fills up a shorter one with zeros: a key that nobody has chosen."""
    card = Card(YUBIKEY)
    operations = Operations(FakeModule(card))
    fds = (pipe_with(b"01" * 24), pipe_with(new))
    with pytest.raises(errors.PinLength) as caught:
        operations.run("change_pin", fds, {"token": asdict(YUBIKEY.identity), "role": "so"})
    assert caught.value.data == {"min": 48, "max": 48, "role": "so", "which": "new"}
    assert (card.sent, card.changed) == ([], [])


def test_a_session_is_not_taken_up_again_with_the_last_attempt() -> None:
    """Another program spent tries while the security officer was at work."""
    card = Card()
    opened = sessions(card)
    session = opened.login(TOKEN.identity, bytearray(b"1234"), use_last_attempt=False)
    opened.suspend()
    card.left[UserType.USER] = 1
    with pytest.raises(errors.PinLastAttempt):
        opened.resume(session)
    assert card.sent == [b"1234"]
    assert len(opened) == 0


def test_a_pin_that_was_right_is_said_to_be_when_something_else_fails() -> None:
    card = Card()
    card.init_pin = failing  # type: ignore[assignment, method-assign]  # the module breaks down after the login
    operations = Operations(FakeModule(card))

    def refused(so_pin: bytes) -> errors.DriverError:
        fds = (pipe_with(so_pin), pipe_with(b"4321"))
        with pytest.raises(errors.DriverError) as caught:
            operations.run("init_pin", fds, {"token": NAMED, "force": True})
        return caught.value

    assert refused(PINS[UserType.SO]).data["accepted"] == ["so"]
    wrong = refused(b"00000000")
    assert wrong.code == "pin_incorrect"
    assert "accepted" not in wrong.data


@pytest.mark.parametrize(
    ("method", "secrets", "more"),
    [
        ("change_pin", (b"1234", b"11111"), {}),
        ("init_pin", (b"87654321", b"11111"), {"force": True}),
        ("unblock_pin", (b"87654321", b"11111"), {}),
    ],
)
def test_a_new_pin_that_the_token_does_not_take_is_not_called_the_old_one(
    method: str, secrets: tuple[bytes, ...], more: dict[str, bool]
) -> None:
    def weak(*_: object) -> None:
        raise CkrError(Ckr.PIN_LEN_RANGE, "C_SetPIN")

    card = Card()
    card.set_pin = card.init_pin = weak  # type: ignore[assignment, method-assign]  # methods of a fake
    fds = tuple(pipe_with(secret) for secret in secrets)
    with pytest.raises(errors.PinLength) as caught:
        Operations(FakeModule(card)).run(method, fds, {"token": NAMED, **more})
    assert caught.value.data["which"] == "new"
    assert card.sent == [secrets[0]]
