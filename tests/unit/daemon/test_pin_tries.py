"""A PIN is sent once, and the try stands on the disk before it is: whatever happens then."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.daemon.pin_bench import FIRST, LAST, LOCKED, OPEN, TOKEN, Bench, logging_in

from custode.daemon.context import Context
from custode.daemon.store import Store
from custode.domain.events import PinAccepted
from custode.domain.model import PinFlags, PinRole, TokenSeen
from custode.domain.pin import Tries
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures import pin, token
from custode.procedures.session import TokenSession


@pytest.fixture
def bench(store: Store, clock: Any) -> Bench:
    return Bench(store, clock)


def test_the_try_is_on_the_disk_before_the_pin_is_sent(bench: Bench) -> None:
    bench.answers = [OPEN]
    assert bench.play(logging_in()) == "S"
    assert bench.calls[0] == ("login", {"use_last_attempt": False}, 1)
    assert bench.at_call == [Tries(0, True), Tries()]
    assert bench.on_disk() == Tries()
    assert bench.asked == [("token_pin", None, "csr")]


@pytest.mark.parametrize(
    ("answer", "counted"),
    [
        ("pin_incorrect", 1),
        ("pin_locked", 1),
        ("timed_out", 1),
        ("module_failed", 1),
        ("token_gone", 1),
        ("failed", 1),
        ("pin_length", 0),
        ("pin_last_attempt", 0),
        ("secret_missing", 0),
        ("token_busy", 0),
    ],
)
def test_what_an_error_costs(bench: Bench, answer: str, counted: int) -> None:
    bench.answers = [answer]
    error = bench.fails(logging_in())
    assert error.code.value == answer
    assert error.data["token"] == "One"
    assert bench.on_disk() == Tries(counted)


def test_a_login_that_is_cancelled_may_have_cost_a_try(bench: Bench) -> None:
    bench.answers = [asyncio.CancelledError()]
    with pytest.raises(asyncio.CancelledError):
        bench.play(logging_in())
    assert bench.on_disk() == Tries(1)


def test_a_store_that_cannot_write_sends_no_pin(bench: Bench) -> None:
    def full(_commands: Any) -> None:
        raise CustodeError(ErrorCode.NO_SPACE)

    async def story(ctx: Context) -> None:
        bench.mailbox._carry_out = full
        await logging_in()(ctx)

    assert bench.fails(story).code is ErrorCode.NO_SPACE
    assert bench.calls == []


def test_two_spent_tries_without_flags_leave_the_last_one(bench: Bench) -> None:
    bench.answers = ["pin_incorrect", "timed_out"]
    bench.fails(logging_in())
    bench.fails(logging_in())
    refused = bench.fails(logging_in())
    assert refused.code is ErrorCode.PIN_LAST_ATTEMPT
    assert (refused.exit, refused.data["option"]) == (14, "--use-last-attempt")
    assert (len(bench.calls), len(bench.asked)) == (2, 2), "neither asked for nor sent"
    bench.use_last_attempt, bench.answers = True, [OPEN]
    assert bench.play(logging_in()) == "S"
    assert bench.asked[-1] == ("token_pin", 1, "csr")
    assert bench.calls[2] == ("login", {"use_last_attempt": True}, 1)
    assert bench.on_disk() == Tries()


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (LOCKED, ErrorCode.PIN_LOCKED),
        (LAST, ErrorCode.PIN_LAST_ATTEMPT),
        (FIRST, ErrorCode.PIN_TO_BE_CHANGED),
    ],
)
def test_what_the_token_says_is_heeded_before_anybody_is_asked(
    bench: Bench, flags: PinFlags, code: ErrorCode
) -> None:
    seen = replace(TOKEN, user_pin=flags)
    error = bench.fails(logging_in(seen), seen)
    assert error.code is code
    told = (error.data["serial"], error.data["pin"], error.data["role"])
    assert told == ("01", "PIN", "user")
    assert (bench.calls, bench.asked) == ([], [])


def test_accepting_the_last_attempt_is_not_accepting_a_locked_pin(bench: Bench) -> None:
    bench.use_last_attempt = True
    seen = replace(TOKEN, user_pin=LOCKED)
    error = bench.fails(logging_in(seen), seen)
    assert error.code is ErrorCode.PIN_LOCKED
    assert error.data["unblock"] == "custode token pin unblock --token 01"


def test_a_token_that_left_while_the_pin_was_typed_gets_none(bench: Bench) -> None:
    bench.gone = True
    assert bench.fails(logging_in()).code is ErrorCode.TOKEN_GONE
    assert (bench.asked, bench.calls, bench.on_disk()) == ([], [], Tries())


def test_a_card_that_another_program_holds_is_not_gone(bench: Bench) -> None:
    bench.gone, bench.unreadable = True, "held"
    assert bench.fails(logging_in()).code is ErrorCode.TOKEN_BUSY
    assert (bench.asked, bench.calls, bench.on_disk()) == ([], [], Tries())


def test_the_counter_is_read_before_the_pin_is_asked_for(bench: Bench) -> None:
    """Another program spent tries since the card came: its module did not say so by itself."""
    bench.then = {1: replace(TOKEN, user_pin=LAST)}
    assert bench.fails(logging_in()).code is ErrorCode.PIN_LAST_ATTEMPT
    assert (bench.asked, bench.calls) == ([], [])


def test_the_counter_is_read_again_when_the_pin_took_long_to_type(bench: Bench) -> None:
    bench.typing_s, bench.then = 60, {2: replace(TOKEN, user_pin=LAST)}
    assert bench.fails(logging_in()).code is ErrorCode.PIN_LAST_ATTEMPT
    assert (len(bench.asked), bench.calls) == (1, [])
    bench.then, bench.reads = {2: None}, 0
    assert bench.fails(logging_in()).code is ErrorCode.TOKEN_GONE
    assert (bench.calls, bench.on_disk()) == ([], Tries())


@pytest.mark.parametrize(
    ("flags", "code", "left", "counted"),
    [  # where the token tells how many are left, nothing is left for us to count
        (LAST, ErrorCode.PIN_INCORRECT, 1, 0),
        (PinFlags(count_low=True), ErrorCode.PIN_INCORRECT, None, 1),
        (LOCKED, ErrorCode.PIN_LOCKED, None, 0),
    ],
)
def test_a_wrong_pin_is_told_with_the_counter_as_it_is_then(
    bench: Bench, flags: PinFlags, code: ErrorCode, left: int | None, counted: int
) -> None:
    bench.answers, bench.then = ["pin_incorrect"], {2: replace(TOKEN, user_pin=flags)}
    error = bench.fails(logging_in())
    assert (error.code, error.data.get("attempts_remaining")) == (code, left)
    assert bench.on_disk() == Tries(counted)


def test_who_waited_for_the_turn_looks_at_the_counter_again(bench: Bench) -> None:
    """Two commands asked for the PIN; the first one's spends what the second one meant to."""
    bench.answers = ["pin_incorrect", "pin_incorrect", OPEN]

    async def story(ctx: Context) -> list[Any]:
        async with pin.turn(ctx, TOKEN):
            waiting = [asyncio.ensure_future(logging_in()(ctx)) for _ in range(3)]
            await bench.all_asked.wait()
        return await asyncio.gather(*waiting, return_exceptions=True)

    codes = [error.code for error in bench.play(story)]
    assert codes == [ErrorCode.PIN_INCORRECT] * 2 + [ErrorCode.PIN_LAST_ATTEMPT]
    assert len(bench.calls) == 2


def test_on_a_pinpad_nobody_is_asked_here(bench: Bench) -> None:
    seen = replace(TOKEN, protected_path=True)
    bench.answers = [OPEN]
    assert bench.play(logging_in(seen), seen) == "S"
    assert (bench.asked, bench.told) == ([], ["pin.on_reader"])
    assert bench.calls[0] == ("login", {"use_last_attempt": False}, 0)


# --- the SO PIN, in a session and out of one --------------------------------------------------


def in_session(method: str, seen: TokenSeen = TOKEN, **params: Any) -> Any:
    rows = ({"key_id": "01", "always_authenticate": True},)

    async def story(ctx: Context) -> Any:
        return await TokenSession(ctx, seen, "S", rows, "csr").call(method, params)

    return story


def test_what_only_the_so_may_is_asked_for_when_the_token_says_so(bench: Bench) -> None:
    bench.answers = ["needs_so", {"key_id": "01"}]
    assert bench.play(in_session("generate_key", spec="p256")) == {"key_id": "01"}
    told = {"session": "S", "spec": "p256"}
    assert bench.calls == [
        ("generate_key", told, 0),
        ("generate_key", {**told, "as_so": True, "use_last_attempt": False}, 1),
    ]
    assert bench.asked == [("so_pin", None, "csr")]
    assert bench.at_call == [Tries(), Tries()]
    assert bench.on_disk(PinRole.SO) == Tries()


@pytest.mark.parametrize(
    ("answer", "counted"), [("pin_incorrect", 1), ("token_full", 0), ("timed_out", 1)]
)
def test_a_wrong_so_pin_is_the_so_pins_failure(bench: Bench, answer: str, counted: int) -> None:
    bench.answers = ["needs_so", answer]
    error = bench.fails(in_session("install_certificate"))
    assert error.code.value == answer
    assert bench.on_disk(PinRole.SO) == Tries(counted)
    assert bench.on_disk(PinRole.USER) == Tries()


def test_the_users_pin_after_the_sos_work_is_the_users(bench: Bench) -> None:
    bench.answers = ["needs_so", CustodeError(ErrorCode.PIN_INCORRECT, role="user")]
    error = bench.fails(in_session("install_certificate"))
    assert error.data["pin"] == "PIN"
    assert (bench.on_disk(), bench.on_disk(PinRole.SO)) == (Tries(1), Tries())


@pytest.mark.parametrize(("answer", "counted"), [("pin_incorrect", 1), ("no_such_key", 0)])
def test_a_pin_that_a_signature_wanted_is_counted(bench: Bench, answer: str, counted: int) -> None:
    bench.answers = [CustodeError(ErrorCode(answer))]
    assert bench.fails(in_session("sign", key_id="01")).data["token"] == "One"
    assert bench.on_disk() == Tries(counted)


def test_the_so_pins_last_attempt_is_refused_alike(bench: Bench) -> None:
    bench.answers = ["needs_so"]
    seen = replace(TOKEN, so_pin=LAST)
    error = bench.fails(in_session("import_key", seen), seen)
    assert (error.code, error.data["pin"]) == (ErrorCode.PIN_LAST_ATTEMPT, "SO PIN (PUK)")
    assert (len(bench.calls), bench.asked) == (1, [])


def test_a_key_that_wants_the_pin_each_time_says_so_on_a_pinpad(bench: Bench) -> None:
    seen = replace(TOKEN, protected_path=True)
    bench.answers = [{}, {}, {}]
    bench.play(in_session("sign", seen, key_id="01"), seen)
    bench.play(in_session("sign", seen, key_id="02"), seen)
    bench.play(in_session("sign", key_id="01"))
    assert bench.told == ["pin.on_reader"]


# --- changing and unblocking ------------------------------------------------------------------


def changing(**params: Any) -> Callable[[Context], Awaitable[Any]]:
    return lambda ctx: token.change(ctx, {"token": "01", **params})


def unblocking() -> Callable[[Context], Awaitable[Any]]:
    return lambda ctx: token.unblock(ctx, {"token": "pkcs11:serial=01"})


@pytest.mark.parametrize(
    ("so", "kind", "role"), [(False, "token_pin", "user"), (True, "so_pin", "so")]
)
def test_a_first_pin_can_be_changed(bench: Bench, so: bool, kind: str, role: str) -> None:
    bench.answers = [{}]
    first = replace(TOKEN, user_pin=FIRST, so_pin=FIRST)
    told = bench.play(changing(so=so), first)
    assert told == {"serial": "01", "label": "One", "role": role}
    assert [kind for kind, _, _ in bench.asked] == [kind, "new_pin"]
    assert bench.calls == [("change_pin", {"role": role, "use_last_attempt": False}, 2)]
    assert bench.told == ["pin_changed"]
    assert bench.reads == 2, "before the PIN is asked for, and after"


def test_the_last_attempt_is_not_for_changing_either(bench: Bench) -> None:
    error = bench.fails(changing(), replace(TOKEN, user_pin=LAST))
    assert error.code is ErrorCode.PIN_LAST_ATTEMPT
    assert bench.asked == []


def test_a_new_pin_of_the_wrong_length_costs_nothing(bench: Bench) -> None:
    bench.answers = [CustodeError(ErrorCode.PIN_LENGTH, min=6, max=8, which="new")]
    error = bench.fails(changing())
    assert (
        error.message
        == "The new PIN was not sent: token “One” (serial 01) takes 6 to 8 characters."
    )
    assert bench.on_disk() == Tries()


def test_unblocking_gives_the_tries_back(bench: Bench) -> None:
    bench.answers = ["pin_incorrect", {}]
    bench.fails(logging_in())
    told = bench.play(unblocking(), replace(TOKEN, user_pin=LOCKED))
    assert told["role"] == "user"
    assert [kind for kind, _, _ in bench.asked[1:]] == ["so_pin", "new_pin"]
    assert bench.calls[-1] == ("unblock_pin", {"use_last_attempt": False}, 2)
    assert (bench.on_disk(), bench.on_disk(PinRole.SO)) == (Tries(), Tries())
    assert bench.told == ["pin_unblocked"]


def test_a_wrong_puk_is_counted_as_the_so_pins(bench: Bench) -> None:
    bench.answers = [CustodeError(ErrorCode.PIN_INCORRECT, attempts_remaining=1)]
    error = bench.fails(unblocking())
    assert (error.data["pin"], error.data["option"]) == ("SO PIN (PUK)", "--use-last-attempt")
    assert bench.on_disk(PinRole.SO) == Tries(1)


@pytest.mark.parametrize("story", [changing(), unblocking()])
def test_where_the_module_cannot_something_else_is_proposed(bench: Bench, story: Any) -> None:
    bench.answers = [CustodeError(ErrorCode.NOT_SUPPORTED, capability="unblock_pin")]
    error = bench.fails(story)
    assert error.exit == 31
    assert "(Maker)" in error.hint
    assert "custode reissue" in error.hint
    assert bench.on_disk(PinRole.SO) == bench.on_disk() == Tries()


@pytest.mark.parametrize("story", [changing(), unblocking()])
def test_a_token_without_a_pin_has_none_to_be_changed(bench: Bench, story: Any) -> None:
    blank = replace(TOKEN, user_pin_initialized=False)
    assert bench.fails(story, blank).code is ErrorCode.PIN_NOT_SET
    assert (bench.asked, bench.calls) == ([], [])


def test_a_pin_that_was_right_costs_nothing_when_something_fails_after_it(bench: Bench) -> None:
    """A card that is pulled out while it is written to has not been given a wrong PIN."""
    for _ in range(3):
        gone = CustodeError(ErrorCode.TOKEN_GONE, accepted=["so"])
        bench.answers = ["needs_so", gone]
        assert bench.fails(in_session("generate_key")) is gone
        assert "accepted" not in gone.data
    assert bench.on_disk(PinRole.SO) == Tries()


def test_a_pin_unblocked_by_another_program_is_asked_for_again(bench: Bench) -> None:
    """The token tells so only when it is read: before the refusal, not after it."""
    locked = replace(TOKEN, user_pin=LOCKED)
    bench.answers, bench.then = ["pin_incorrect"], {2: locked}
    assert bench.fails(logging_in()).code is ErrorCode.PIN_LOCKED
    bench.answers, bench.then = [OPEN], {3: TOKEN}
    assert bench.play(logging_in(), locked) == "S"
    assert bench.on_disk() == Tries()


def test_nobody_is_left_logged_in_when_a_command_ends_at_its_login(bench: Bench) -> None:
    bench.answers = [OPEN]

    async def story(ctx: Context) -> None:
        running = asyncio.ensure_future(logging_in()(ctx))
        post = bench.post

        async def posting(event: Any) -> None:
            if isinstance(event, PinAccepted):
                running.cancel()
            await post(event)

        bench.post = posting  # type: ignore[method-assign]  # the person ends it just then
        with pytest.raises(asyncio.CancelledError):
            await running
        bench.post = post  # type: ignore[method-assign]  # as it was

    bench.play(story)
    assert [(method, told.get("session")) for method, told, _ in bench.calls] == [
        ("login", None),
        ("logout", "S"),
    ]
