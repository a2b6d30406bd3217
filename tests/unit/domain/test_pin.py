"""When a PIN may be tried, and what a try costs."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custode.domain import events as ev
from custode.domain.commands import AppendAudit, Command, SaveToken
from custode.domain.machine import step
from custode.domain.model import KnownToken, PinFlags, PinRole, State, TokenId, TokenSeen, remember
from custode.domain.pin import (
    COST_NOTHING,
    USUAL_TRIES,
    Outcome,
    PinChance,
    Tries,
    answered,
    attempts_left,
    begun,
    chance,
    chance_on,
    must_be_changed,
    outcome_of,
    settled,
    told_by_token,
    tries_of,
    with_tries,
)
from custode.error_codes import ErrorCode

LOW, FINAL, LOCKED = PinFlags(True), PinFlags(True, True), PinFlags(True, True, True)
ID = TokenId("Acme", "T1", "0001")
KNOWN = KnownToken(ID, "My token")
SEEN = TokenSeen(ID, "My token", "m")
AT = datetime(2026, 3, 10, tzinfo=UTC)

ROWS = [
    (PinFlags(), 0, "may_try"),
    (PinFlags(), 1, "may_try"),
    # No flag although tries were spent: the module has none, and our own count decides.
    (PinFlags(), 2, "last_attempt"),
    (PinFlags(), 9, "last_attempt"),
    # The token's word goes before our count: SoftHSM says "low" for ever and never locks.
    (LOW, 0, "may_try"),
    (LOW, 9, "may_try"),
    (FINAL, 0, "last_attempt"),
    (PinFlags(final_try=True), 0, "last_attempt"),
    (LOCKED, 0, "locked"),
    (PinFlags(locked=True), 0, "locked"),
]


@pytest.mark.parametrize(("flags", "failures", "expected"), ROWS)
def test_chance(flags: PinFlags, failures: int, expected: str, token: TokenSeen) -> None:
    assert chance(flags, failures) is PinChance(expected)
    left = {"may_try": None, "last_attempt": 1, "locked": 0}[expected]
    known = replace(KNOWN, user_pin_failures=failures)
    assert attempts_left(replace(token, user_pin=flags), known, PinRole.USER) == left


@pytest.mark.parametrize("role", PinRole)
def test_user_and_so_are_counted_apart(role: PinRole, token: TokenSeen) -> None:
    spent = with_tries(KNOWN, role, Tries(2))
    other = next(r for r in PinRole if r is not role)
    assert chance_on(token, spent, role) is PinChance.LAST_ATTEMPT
    assert chance_on(token, spent, other) is PinChance.MAY_TRY
    assert chance_on(token, None, role) is PinChance.MAY_TRY
    assert (tries_of(spent, role), tries_of(spent, other)) == (Tries(2), Tries())
    assert with_tries(spent, role, Tries()) == KNOWN
    assert with_tries(spent, other, Tries()) == spent


@pytest.mark.parametrize("role", PinRole)
def test_each_role_has_its_own_flags(role: PinRole, token: TokenSeen) -> None:
    seen = replace(token, user_pin=LOCKED, so_pin=FINAL)
    expected = {PinRole.USER: PinChance.LOCKED, PinRole.SO: PinChance.LAST_ATTEMPT}
    assert chance_on(seen, KNOWN, role) is expected[role]


def test_a_first_pin_serves_only_to_be_changed(token: TokenSeen) -> None:
    first = PinFlags(to_be_changed=True)
    seen = replace(token, user_pin=first)
    assert must_be_changed(seen, PinRole.USER)
    assert not must_be_changed(seen, PinRole.SO)
    assert must_be_changed(replace(token, so_pin=first), PinRole.SO)
    blank = replace(seen, user_pin_initialized=False, so_pin=first)
    assert not must_be_changed(blank, PinRole.USER)
    assert must_be_changed(blank, PinRole.SO)


# --- what a try costs -------------------------------------------------------------------------


def test_only_what_surely_cost_nothing_is_free() -> None:
    free = {code for code in ErrorCode if outcome_of(code) is Outcome.NOT_SENT}
    # Codes of workers that people never meet are no ErrorCode.
    assert {code.value for code in free} == COST_NOTHING - {"bad_request"}
    for code in ("pin_incorrect", "pin_locked", "timed_out", "module_failed", "token_gone"):
        assert outcome_of(ErrorCode(code)) is Outcome.REJECTED
    assert outcome_of("never heard of") is Outcome.REJECTED


def test_every_outcome() -> None:
    sent = begun(Tries(1))
    assert sent == Tries(1, True)
    assert answered(sent, Outcome.ACCEPTED) == Tries()
    assert answered(sent, Outcome.REJECTED) == Tries(2)
    assert answered(sent, Outcome.NOT_SENT) == Tries(1)
    assert settled(sent) == Tries(2)
    assert settled(Tries(1)) == Tries(1)
    assert begun(sent) == Tries(2, True), "an answer that never came is a spent try"


# What happens to a PIN: the card counts as cards do, and each try may lose its answer.
entries = st.lists(st.sampled_from(["right", "wrong", "kept", "crash right", "crash wrong"]))


@given(entries)
def test_the_count_is_never_below_the_cards_own(story: list[str]) -> None:
    tries, spent = Tries(), 0
    for entry in story:
        tries = begun(tries)
        right = entry.endswith("right")
        if entry != "kept":
            spent = 0 if right else spent + 1
        if entry.startswith("crash"):
            tries = settled(tries)
        else:
            outcome = {
                "right": Outcome.ACCEPTED,
                "wrong": Outcome.REJECTED,
                "kept": Outcome.NOT_SENT,
            }[entry]
            tries = answered(tries, outcome)
        assert tries.failures >= spent
        assert not tries.unanswered
        if spent >= USUAL_TRIES - 1:
            assert chance(PinFlags(), tries.failures) is PinChance.LAST_ATTEMPT


# --- the state --------------------------------------------------------------------------------


def known_of(state: State) -> KnownToken:
    return state.known[ID]


def saved(commands: tuple[Command, ...]) -> list[KnownToken]:
    return [c.token for c in commands if isinstance(c, SaveToken)]


def audited(commands: tuple[Command, ...]) -> list[str]:
    return [c.name for c in commands if isinstance(c, AppendAudit)]


@pytest.mark.parametrize("role", PinRole)
def test_a_try_is_kept_before_it_is_sent(role: PinRole) -> None:
    state, commands = step(State(AT), ev.PinTryBegun(ID, role, AT))
    assert [tries_of(token, role) for token in saved(commands)] == [Tries(0, True)]
    state, commands = step(state, ev.PinAccepted(ID, role, AT))
    assert [tries_of(token, role) for token in saved(commands)] == [Tries()]
    assert audited(commands) == []


def test_a_rejected_try_is_counted_once() -> None:
    state, _ = step(State(AT), ev.PinTryBegun(ID, PinRole.USER, AT))
    state, commands = step(state, ev.PinRejected(ID, PinRole.USER, AT))
    assert tries_of(known_of(state), PinRole.USER) == Tries(1)
    assert audited(commands) == ["pin_rejected"]
    state, _ = step(state, ev.PinTryBegun(ID, PinRole.USER, AT))
    state, commands = step(state, ev.PinNotSent(ID, PinRole.USER, AT))
    assert tries_of(known_of(state), PinRole.USER) == Tries(1)
    assert saved(commands)
    assert audited(commands) == []


def test_what_came_of_a_try_on_a_forgotten_token() -> None:
    """Only a spent try is worth a new record."""
    for event in (ev.PinAccepted, ev.PinNotSent):
        state, commands = step(State(AT), event(ID, PinRole.USER, AT))
        assert (state.known, saved(commands), audited(commands)) == ({}, [], [])
    state, _ = step(State(AT), ev.PinRejected(ID, PinRole.SO, AT))
    assert tries_of(known_of(state), PinRole.SO) == Tries(1)


def test_an_agent_that_died_over_a_try_counts_it_when_it_starts() -> None:
    died = replace(KNOWN, user_pin_failures=1, user_pin_unanswered=True, so_pin_failures=1)
    other = KnownToken(replace(ID, serial="0002"), "Other", so_pin_unanswered=True)
    still = KnownToken(replace(ID, serial="0003"), "Still", user_pin_failures=1)
    state = remember(AT, tokens=[died, other, still])
    state, commands = step(state, ev.AgentStarted((), AT))
    assert saved(commands) == [
        replace(KNOWN, user_pin_failures=2, so_pin_failures=1),
        replace(other, so_pin_failures=1, so_pin_unanswered=False),
    ]
    assert audited(commands) == ["pin_try_unanswered"] * 2
    assert step(state, ev.AgentStarted((), AT))[1] == ()


@pytest.mark.parametrize("role", PinRole)
@pytest.mark.parametrize(
    ("flags", "left"),
    [(LOW, 2), (PinFlags(final_try=True), 0), (PinFlags(locked=True), 0), (PinFlags(), 2)],
)
def test_what_the_token_tells_takes_the_place_of_our_count(
    role: PinRole, flags: PinFlags, left: int
) -> None:
    spent = with_tries(with_tries(KNOWN, role, Tries(2, True)), other_of(role), Tries(1))
    seen = replace(SEEN, user_pin=flags) if role is PinRole.USER else replace(SEEN, so_pin=flags)
    now = told_by_token(spent, seen)
    assert (tries_of(now, role), tries_of(now, other_of(role))) == (Tries(left, True), Tries(1))


def other_of(role: PinRole) -> PinRole:
    return PinRole.SO if role is PinRole.USER else PinRole.USER


def test_a_pin_that_was_unblocked_elsewhere_is_not_counted_as_nearly_locked() -> None:
    state = remember(AT, tokens=[replace(KNOWN, user_pin_failures=2)])
    state, _ = step(state, ev.AgentStarted(("m",), AT))
    locked = replace(SEEN, user_pin=PinFlags(locked=True))
    state, commands = step(state, ev.TokensListed("m", (locked,), AT))
    assert [tries_of(token, PinRole.USER) for token in saved(commands)] == [Tries()]
    state, _ = step(state, ev.TokensListed("m", (), AT))
    state, _ = step(state, ev.TokensListed("m", (SEEN,), AT))
    assert chance_on(SEEN, known_of(state), PinRole.USER) is PinChance.MAY_TRY
