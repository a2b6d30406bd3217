"""What is sent to a token and what is not, on a module that counts: SoftHSM never locks a PIN."""

import os
from dataclasses import replace
from typing import Any

import pkcs11.exceptions as p11
import pytest
from tests.unit.drivers.counting_card import (
    NAMED,
    READY,
    TOKEN,
    Card,
    FakeModule,
    failing,
    login,
    pipe_with,
    sessions,
)

from custode_drivers.api import errors
from custode_drivers.pkcs11.cryptoki import SlotToken
from custode_drivers.pkcs11.layout import TokenFlags, UserType
from custode_drivers.pkcs11.operations import Operations
from custode_drivers.pkcs11.pins import PinMark


def test_the_last_try_is_not_used_unless_that_is_accepted() -> None:
    card = Card()
    assert login(card, b"0000").data == {"attempts_remaining": None, "role": "user"}
    assert login(card, b"0000").data == {"attempts_remaining": 1, "role": "user"}
    assert isinstance(login(card, b"1234"), errors.PinLastAttempt)
    assert card.sent == [b"0000", b"0000"]  # not even the right one was sent
    assert isinstance(login(card, b"0000", use_last_attempt=True), errors.PinLocked)
    assert isinstance(login(card, b"1234", use_last_attempt=True), errors.PinLocked)
    assert len(card.sent) == 3
    assert card.open_sessions == set()


def test_the_last_try_can_be_accepted() -> None:
    card = Card(left={UserType.USER: 1, UserType.SO: 3})
    session = sessions(card).login(TOKEN.identity, bytearray(b"1234"), use_last_attempt=True)
    assert card.left[UserType.USER] == 3
    assert card.open_sessions == {session.handle}


@pytest.mark.parametrize("pin", [b"", b"123", b"123456789"])
def test_a_pin_of_the_wrong_length_is_not_sent(pin: bytes) -> None:
    card = Card()
    assert login(card, pin).data == {"min": 4, "max": 8, "role": "user"}
    assert card.sent == []


@pytest.mark.parametrize(("low", "high"), [(None, None), (4, None), (None, 8)])
def test_limits_that_are_not_told_do_not_count(low: int | None, high: int | None) -> None:
    card = Card(replace(TOKEN, min_pin=low, max_pin=high))
    sessions(card).login(TOKEN.identity, bytearray(b"1234"), use_last_attempt=False)
    assert card.sent == [b"1234"]


def test_no_user_pin_no_login() -> None:
    card = Card(replace(TOKEN, flags=TokenFlags.TOKEN_INITIALIZED))
    assert isinstance(login(card, b"1234"), errors.PinNotSet)
    assert card.sent == []


@pytest.mark.parametrize("so_pin", [b"12345678", b"0" * 47, b"0" * 47 + b"g"])
def test_what_is_no_management_key_never_gets_to_ykcs11(so_pin: bytes) -> None:
    """It would send that to the card as the user's PIN."""
    card = Card(replace(TOKEN, manufacturer="Yubico (www.yubico.com)", max_pin=48))
    named = {**NAMED, "manufacturer": "Yubico (www.yubico.com)"}
    operations = Operations(FakeModule(card))
    with pytest.raises(errors.PinLength) as caught:
        operations.run("check_so_pin", (pipe_with(so_pin),), {"token": named})
    assert caught.value.data["role"] == "so"
    assert card.sent == []
    with pytest.raises(errors.PinIncorrect):
        operations.run("check_so_pin", (pipe_with(b"0aF" * 16),), {"token": named})
    assert card.sent == [b"0aF" * 16]


def test_a_wrong_old_pin_is_sent_once() -> None:
    """Only a right one goes on to C_SetPIN, where OpenSC spends two tries on a wrong one."""
    card = Card()
    operations = Operations(FakeModule(card))
    with pytest.raises(errors.PinIncorrect):
        operations.run("change_pin", (pipe_with(b"0000"), pipe_with(b"4321")), {"token": NAMED})
    assert (card.sent, card.changed, card.left[UserType.USER]) == ([b"0000"], [], 2)
    operations.run("change_pin", (pipe_with(b"1234"), pipe_with(b"4321")), {"token": NAMED})
    assert card.changed == [(b"1234", b"4321")]
    assert card.open_sessions == set()


def test_the_security_officer_is_treated_the_same() -> None:
    card = Card(replace(TOKEN, flags=TokenFlags.TOKEN_INITIALIZED))
    operations = Operations(FakeModule(card))

    def tried(method: str, so_pin: bytes, **more: Any) -> str:
        fds = tuple(pipe_with(secret) for secret in (so_pin, b"1234"))
        given = {"token": NAMED, **more}
        try:
            operations.run(method, fds, given)
        except errors.DriverError as exc:
            return exc.code
        return "done"

    assert tried("init_pin", b"00000000") == "pin_incorrect"
    assert tried("init_token", b"00000000", label="x") == "pin_incorrect"
    assert tried("init_pin", b"87654321") == "pin_last_attempt"
    assert tried("init_token", b"87654321", label="x") == "pin_last_attempt"
    assert card.sent == [b"00000000", b"00000000"]
    assert tried("init_pin", b"87654321", use_last_attempt=True) == "done"
    assert card.sent[2:] == [b"87654321", b"1234"]
    card.left[UserType.SO] = 0
    assert tried("init_pin", b"87654321", use_last_attempt=True) == "pin_locked"
    assert len(card.sent) == 4
    assert card.open_sessions == set()


def test_a_pin_typed_on_the_reader_passes_nobody_and_is_surely_another_one() -> None:
    path = TokenFlags.PROTECTED_AUTHENTICATION_PATH
    card = Card(replace(TOKEN, flags=READY | path))
    operations = Operations(FakeModule(card))
    opened = operations.run("login", (), {"token": NAMED})
    assert card.sent == [None]

    def relayed(secret: bytes) -> bytes:
        reading, writing = os.pipe()
        try:
            fds = (pipe_with(secret), writing)
            operations.run("relay_distinct", fds, {"session": opened.session})
        finally:
            os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            return pipe.read()

    with pytest.raises(errors.PinOnlyDigits):
        relayed(b"12345678")
    assert relayed(b"1234567x") == b"1234567x"


@pytest.mark.parametrize(
    ("failure", "present", "code"),
    [
        (p11.DeviceRemoved(), True, "token_gone"),
        (p11.DeviceError(), False, "token_gone"),
        (p11.DeviceError(), True, "unknown"),
        (p11.ObjectHandleInvalid(), False, "token_gone"),
        (p11.ObjectHandleInvalid(), True, "unknown"),
        (p11.UserNotLoggedIn(), False, "token_gone"),
        (p11.UserNotLoggedIn(), True, "session_unknown"),
        (errors.NoSuchKey(key_id="aa"), False, "token_gone"),
        (errors.NoSuchKey(key_id="aa"), True, "no_such_key"),
    ],
)
def test_a_failure_means_gone_only_if_the_token_is(
    failure: Exception, code: str, *, present: bool
) -> None:
    card = Card()
    opened = sessions(card)
    name = opened.login(TOKEN.identity, bytearray(b"1234"), use_last_attempt=False).name

    def fail() -> None:
        with opened.use(name):
            if not present:
                card.info = None
            raise failure

    with pytest.raises(errors.DriverError) as caught:
        fail()
    assert caught.value.code == code
    ends = code in {"token_gone", "session_unknown"}
    assert (len(opened) == 0) is ends
    assert (card.open_sessions == set()) is ends


def test_another_token_in_the_same_slot_is_not_this_one() -> None:
    card = Card()
    opened = sessions(card)
    name = opened.login(TOKEN.identity, bytearray(b"1234"), use_last_attempt=False).name
    card.info = replace(TOKEN, serial="other")
    with pytest.raises(errors.TokenGone), opened.use(name):
        pytest.fail("it was used")
    assert len(opened) == 0


def test_two_tokens_that_say_they_are_the_same_are_refused() -> None:
    card = Card()
    card.slot_ids = lambda: [7, 8]  # type: ignore[method-assign]  # one method of a fake
    with pytest.raises(errors.ModuleFailed):
        sessions(card).login(TOKEN.identity, bytearray(b"1234"), use_last_attempt=False)
    assert card.sent == []


@pytest.mark.parametrize(
    "other",
    [
        replace(TOKEN, manufacturer="another"),
        replace(TOKEN, model="another"),
        replace(TOKEN, serial="another"),
    ],
)
def test_no_pin_goes_to_another_token_with_the_same_serial(other: SlotToken) -> None:
    """Serial numbers are each maker's own: the same one says nothing of another maker's token."""
    card = Card(other)
    operations = Operations(FakeModule(card))
    pins = (pipe_with(b"1234"), pipe_with(b"123456"))
    for method in ("login", "init_pin", "init_token", "check_so_pin", "reset_token"):
        more = {"label": "x"} if method in {"init_token", "reset_token"} else {}
        with pytest.raises(errors.TokenGone):
            operations.run(method, pins, {"token": NAMED, **more})
    assert (card.sent, card.opened) == ([], 0)


@pytest.mark.parametrize("told", ["serial", {"serial": "serial"}, {**NAMED, "model": None}])
def test_a_token_is_named_in_full(told: object) -> None:
    card = Card()
    with pytest.raises(errors.DriverError) as caught:
        Operations(FakeModule(card)).run("login", (), {"token": told})
    assert caught.value.code == "bad_request"
    assert card.sent == []


@pytest.mark.parametrize(
    ("slots_afterwards", "mute"), [([7], ["C_GetTokenInfo: CKR_GENERAL_ERROR"]), ([], [])]
)
def test_a_token_that_answers_nothing_is_told_unless_it_was_pulled_out(
    slots_afterwards: list[int], mute: list[str]
) -> None:
    card = Card(info=None)
    answers = [[7], slots_afterwards]
    card.slot_ids = lambda: answers.pop(0)  # type: ignore[method-assign]  # one method of a fake
    rows = Operations(FakeModule(card)).run("list", (), {})
    assert [row.unreadable for row in rows] == mute


def test_a_token_that_cannot_be_read_is_told_beside_those_that_can() -> None:
    """What C_GetTokenInfo tells is there, but no session can be opened on it."""
    card = Card()
    card.open = failing  # type: ignore[assignment, method-assign]  # one method of a fake
    (row,) = Operations(FakeModule(card)).run("list", (), {})
    assert "DeviceError" in row.unreadable


def test_a_mark_knows_the_pin_without_keeping_it() -> None:
    mark = PinMark(bytearray(b"1234"))
    assert mark.matches(bytearray(b"1234"))
    assert not mark.matches(bytearray(b"1235"))
    assert b"1234" not in b"".join((mark._key, mark._tag))
    assert mark._tag != PinMark(bytearray(b"1234"))._tag
