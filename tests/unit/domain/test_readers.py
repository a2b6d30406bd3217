"""The reader service: what it tells, and what its end means for tokens and the gate."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from custode.domain import commands as do
from custode.domain import events as ev
from custode.domain.machine import step
from custode.domain.model import Module, Reader, Readers, State, TokenSeen
from custode.domain.standing import local_reasons


def run(state: State, *events: ev.Event) -> tuple[State, list[do.Command]]:
    commands: list[do.Command] = []
    for event in events:
        state, more = step(state, event)
        commands += more
    return state, commands


def announced(commands: Sequence[do.Command]) -> list[str]:
    return [c.name for c in commands if isinstance(c, do.Announce)]


def codes(state: State) -> list[str]:
    return [reason.code.value for reason in local_reasons(state)]


def seen(state: State, *cards: bool, why: str | None = None) -> ev.ReadersSeen:
    readers = tuple(Reader(f"Acme 0{n} 00", card) for n, card in enumerate(cards))
    return ev.ReadersSeen(("soft",), readers, why, state.now)


def test_the_services_coming_and_going_is_announced_once(away: State) -> None:
    """And which tokens there are, it cannot tell: nothing is read for it alone."""
    state, commands = run(away, seen(away, False, True))
    assert commands == []
    assert state.readers == Readers(("soft",), seen(away, False, True).readers, None, away.now)
    assert state.readers.cards == 1
    later = replace(seen(away, why="no_service"), at=away.now + timedelta(minutes=1))
    state, commands = run(state, later, replace(later, at=later.at + timedelta(minutes=1)))
    assert announced(commands) == ["readers_unavailable"]
    assert state.readers is not None
    assert (state.readers.since, state.readers.cards) == (later.at, 0)
    _, commands = run(state, seen(away, True))
    assert announced(commands) == ["readers_available"]


def test_how_many_cards_a_module_could_show(away: State) -> None:
    assert away.cards_for("soft") is None  # nobody was asked
    told, _ = run(away, seen(away, True, False, True))
    assert (told.cards_for("soft"), told.cards_for("other")) == (2, None)
    down, _ = run(told, seen(away, why="no_service"))
    assert down.cards_for("soft") is None  # nobody knows: that is not none


def test_a_service_that_is_missing_from_the_start_is_announced(away: State) -> None:
    state, commands = run(away, seen(away, why="no_library"))
    assert announced(commands) == ["readers_unavailable"]
    assert codes(state) == []  # nothing was seen through it: nobody is locked out of his backup


def test_a_token_that_went_out_of_sight_with_the_service_blocks(
    here: State, token: TokenSeen
) -> None:
    none = ev.TokensListed("soft", (), here.now)
    hint = ev.PlugHinted("soft", here.now)
    state, commands = run(here, seen(here, why="no_service"), hint, none)
    assert "token_removed" in announced(commands)
    assert codes(state) == ["readers_unseen"]
    state, _ = run(state, hint, none)  # a second look that sees nothing proves nothing
    assert codes(state) == ["readers_unseen"]
    back, commands = run(state, seen(here, False), hint, none)
    assert codes(back) == []
    assert do.OpenGate() in commands
    back, _ = run(state, seen(here, True), hint, replace(none, tokens=(token,)))
    assert codes(back) == ["original_present"]


def test_a_module_that_fails_without_the_service_is_out_of_sight_not_broken(here: State) -> None:
    """What helps is the service, not pulling the token out."""
    failure = ev.ModuleFailed("soft", "CKR_DEVICE_ERROR", here.now)
    state, _ = run(here, seen(here, why="no_service"), failure)
    assert codes(state) == ["readers_unseen"]
    state, _ = run(state, failure)
    assert codes(state) == ["readers_unseen"]
    broken, _ = run(state, seen(here), failure)  # the service is back, and it does not help
    assert codes(broken) == ["token_unreadable"]
    well, _ = run(broken, ev.TokensListed("soft", (), here.now))
    assert codes(well) == []


def test_modules_that_do_not_need_the_service_are_not_blinded(here: State) -> None:
    other = replace(seen(here, why="no_service"), modules=("card",))
    state, _ = run(here, other, ev.TokensListed("soft", (), here.now))
    assert codes(state) == []


@pytest.mark.parametrize(
    ("cards", "module", "blocks"),
    [
        ((True,), "soft", True),  # nobody has read that card
        ((False, False), "soft", False),
        ((True,), "other", False),  # it could not have read a card
    ],
)
def test_a_module_that_fails_blocks_while_a_card_is_in_that_nobody_read(
    away: State, cards: tuple[bool, ...], module: str, *, blocks: bool
) -> None:
    state, _ = run(away, seen(away, *cards), ev.ModuleFailed(module, "crashed", away.now))
    assert codes(state) == (["token_unreadable"] if blocks else [])


def test_a_card_that_another_module_read_explains_itself(away: State, empty: TokenSeen) -> None:
    """Or the new token could not be restored onto while some other module is broken."""
    both = replace(seen(away, True), modules=("soft", "card", "never configured"))
    modules = {name: Module(name) for name in ("soft", "card")}
    state, _ = run(
        replace(away, modules=modules),
        both,
        ev.ModuleFailed("card", "crashed", away.now),
        ev.TokensListed("soft", (empty,), away.now),
    )
    assert codes(state) == []


def test_after_a_sleep_everything_is_read_again(away: State) -> None:
    modules = {name: Module(name) for name in ("soft", "card")}
    state, commands = run(replace(away, modules=modules), ev.ComputerWoke(away.now))
    assert isinstance(commands[0], do.CloseGate)
    assert [c for c in commands if isinstance(c, do.ReadTokens)] == [
        do.ReadTokens("soft"),
        do.ReadTokens("card"),
    ]
    assert codes(state) == ["token_not_identified"] * 2


def test_a_hint_before_the_start_reads_nothing_twice(away: State) -> None:
    fresh = replace(away, started=False, gate_shut=True, modules={})
    _, commands = run(fresh, ev.PlugHinted("soft", away.now), ev.AgentStarted(("soft",), away.now))
    assert commands == [do.ReadTokens("soft")]
