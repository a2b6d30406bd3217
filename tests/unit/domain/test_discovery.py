"""Which module for which card: the order, what follows from each answer, and the gate meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from custode.domain import commands as do
from custode.domain import discovery
from custode.domain import events as ev
from custode.domain.cards import Card, ChosenModule, Offer, Outcome, Phase, Tried, Why
from custode.domain.model import Module, State, TokenId, TokenSeen

from .cards_in import (
    ATR,
    GONE,
    NOW,
    OTHER,
    OWN,
    P11,
    R1,
    R2,
    SC,
    YK,
    announced,
    codes,
    offered,
    readers,
    run,
    shown,
    started,
    token,
)

# --- the order --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offers", "remembered", "expected"),
    [
        ([], None, []),
        ([SC, P11, YK], None, [YK, P11, SC]),
        ([YK, P11, SC], "opensc", [replace(SC, why=Why.REMEMBERED), YK, P11]),
        ([YK, replace(SC, why=Why.CARD), SC], None, [YK, replace(SC, why=Why.CARD)]),
        ([GONE, SC], "ykcs11", [GONE, SC]),  # what is not installed is not gone back to
        ([YK, SC], "something that was", [YK, SC]),
        ([OWN, replace(SC, why=Why.CONFIG)], "opensc", [OWN, replace(SC, why=Why.CONFIG)]),
    ],
)
def test_the_order_in_which_modules_are_asked(
    offers: list[Offer], remembered: str | None, expected: list[Offer]
) -> None:
    assert list(discovery.order(offers, remembered)) == expected


CARD = Card(R1, ATR, 1, Phase.TRYING, queue=(YK, SC))


@pytest.mark.parametrize(
    ("queue", "outcome", "phase", "left", "tried"),
    [
        ((YK, SC), Outcome.SHOWN, Phase.SERVED, (), ()),
        ((YK, SC), Outcome.NO_TOKEN, Phase.TRYING, (SC,), (Outcome.NO_TOKEN,)),
        ((YK, SC), Outcome.FAILED, Phase.TRYING, (SC,), (Outcome.FAILED,)),
        ((YK, GONE, SC), Outcome.FAILED, Phase.TRYING, (SC,), (Outcome.FAILED, Outcome.MISSING)),
        ((YK,), Outcome.NO_TOKEN, Phase.UNKNOWN, (), (Outcome.NO_TOKEN,)),
        ((YK, GONE), Outcome.NO_TOKEN, Phase.UNKNOWN, (), (Outcome.NO_TOKEN, Outcome.MISSING)),
    ],
)
def test_what_follows_from_an_answer(
    queue: tuple[Offer, ...],
    outcome: Outcome,
    phase: Phase,
    left: tuple[Offer, ...],
    tried: tuple[Outcome, ...],
) -> None:
    card = discovery.after(replace(CARD, queue=queue), outcome, "why")
    assert (card.phase, card.queue) == (phase, left)
    assert tuple(one.outcome for one in card.tried) == tried
    assert (card.module, card.why) == (
        ("yk.so", Why.CARD) if phase is Phase.SERVED else (None, None)
    )


@pytest.mark.parametrize(
    ("module", "shows", "expected"),
    [
        (Module("m"), True, (Outcome.SHOWN, "")),
        (Module("m"), False, (Outcome.NO_TOKEN, "")),
        (Module("m", failure="crashed"), False, (Outcome.FAILED, "crashed")),
        (Module("m", unreadable=True), False, (Outcome.FAILED, "unreadable")),
        (Module("m", unreadable=True), True, (Outcome.SHOWN, "")),  # another card is the mute one
    ],
)
def test_what_a_module_says_of_a_card(
    module: Module, shows: bool, expected: tuple[Outcome, str]
) -> None:
    assert discovery.outcome_of(module, shows=shows) == expected


# --- a card's way -----------------------------------------------------------------------------


def test_a_card_is_shown_by_the_first_module_and_that_is_remembered() -> None:
    state, commands = run(started(), readers((R1, ATR, 1)))
    assert do.FindModules(ATR) in commands
    assert isinstance(commands[0], do.CloseGate)
    assert codes(state) == ["token_not_identified"]
    state, commands = run(state, offered(YK, SC))
    assert [c for c in commands if isinstance(c, do.ReadTokens)] == [do.ReadTokens("yk.so")]
    assert codes(state) == ["token_not_identified"]
    state, commands = run(state, shown("yk.so", token("1")))
    assert announced(commands) == ["module_chosen", "token_inserted", "gate_opened"][:2]
    assert do.SaveChosenModule(ChosenModule(ATR, "ykcs11")) in commands
    assert (state.cards[R1].phase, state.cards[R1].name) == (Phase.SERVED, "A card")
    assert not state.gate_shut
    again, commands = run(state, readers(), readers((R1, ATR, 3)), offered(SC, YK))
    assert do.ReadTokens("yk.so") in commands  # remembered: first, though offered last
    assert again.modules["yk.so"].offer == replace(YK, why=Why.REMEMBERED)
    again, commands = run(again, shown("yk.so", token("1")))
    assert announced(commands) == ["token_inserted"]
    assert again.cards[R1].why is Why.REMEMBERED


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        (shown("yk.so"), Outcome.NO_TOKEN, ""),
        (shown("yk.so", unrecognised=True), Outcome.NO_TOKEN, ""),
        (shown("yk.so", token_unreadable=True), Outcome.FAILED, "unreadable"),
        (ev.ModuleFailed("yk.so", "SIGSEGV", NOW), Outcome.FAILED, "SIGSEGV"),
    ],
)
def test_the_next_module_is_asked_and_the_gate_stays_shut(
    answer: ev.Event, outcome: Outcome, reason: str
) -> None:
    state, _ = run(started(), readers((R1, ATR, 1)), offered(YK, SC))
    state, commands = run(state, answer)
    assert do.ReadTokens("sc.so") in commands
    assert state.gate_shut
    state, commands = run(state, shown("sc.so", token("1")))
    card = state.cards[R1]
    assert (card.phase, card.module, card.why) == (Phase.SERVED, "sc.so", Why.ANY_CARD)
    assert card.tried == (Tried(YK, outcome, reason),)
    assert list(state.modules) == ["sc.so"]  # the other one is not run again for nothing
    assert not state.gate_shut


def test_a_card_that_nobody_shows_is_unknown_and_locks_nobody_out() -> None:
    state, commands = run(started(), readers((R1, ATR, 1)), offered(GONE, SC), shown("sc.so"))
    assert "card_unknown" in announced(commands)
    card = state.cards[R1]
    assert [(one.offer.key, one.outcome) for one in card.tried] == [
        ("ykcs11", Outcome.MISSING),
        ("opensc", Outcome.NO_TOKEN),
    ]
    assert (card.phase, codes(state), dict(state.modules)) == (Phase.UNKNOWN, [], {})


def test_a_card_for_which_there_is_no_module_at_all() -> None:
    state, commands = run(started(), readers((R1, ATR, 1)), offered())
    assert state.cards[R1].phase is Phase.UNKNOWN
    assert announced(commands) == ["card_unknown"]
    assert not any(isinstance(c, do.ReadTokens) for c in commands)


def test_a_mute_card_wants_no_module() -> None:
    state, commands = run(started(), readers((R1, "", 1)))
    assert state.cards[R1].phase is Phase.UNKNOWN
    assert announced(commands) == ["card_unknown"]
    assert not any(isinstance(c, do.FindModules) for c in commands)
    assert codes(state) == []


def test_a_card_over_which_a_module_failed_blocks_until_it_is_read() -> None:
    failed = ev.ModuleFailed("sc.so", "hung", NOW)
    state, _ = run(started(), readers((R1, ATR, 1)), offered(SC), failed)
    assert codes(state) == ["token_unreadable"]
    assert "sc.so" in state.modules  # the clock has it tried again
    state, commands = run(state, ev.PlugHinted("sc.so", NOW), shown("sc.so", token("1")))
    assert state.cards[R1].phase is Phase.SERVED
    assert announced(commands)[-3:] == ["module_recovered", "module_chosen", "token_inserted"]
    assert codes(state) == []


def test_a_card_of_a_kind_that_was_shown_before_blocks_when_its_module_is_gone() -> None:
    state = started(chosen=[ChosenModule(ATR, "ykcs11")])
    state, _ = run(state, readers((R1, ATR, 1)), offered(GONE))
    assert codes(state) == ["token_unreadable"]
    state, _ = run(state, readers())
    assert codes(state) == []


def test_a_card_that_is_ignored_is_nobodys_business() -> None:
    state, commands = run(started(), readers((R1, ATR, 1)), offered(ignored=True))
    assert (state.cards[R1].phase, codes(state)) == (Phase.IGNORED, [])
    assert not any(isinstance(c, do.ReadTokens) for c in commands)
    # A module that was found for another card sees it too, and that changes nothing…
    state, _ = run(state, readers((R1, ATR, 1), (R2, OTHER, 1)), offered(SC, atr=OTHER))
    state, _ = run(state, shown("sc.so", token("1", R1), token("2", R2)))
    assert state.cards[R1].phase is Phase.IGNORED
    assert [i.token.id.serial for i in state.insertions] == ["2"]


def test_a_configured_module_comes_first_and_is_not_remembered() -> None:
    state, commands = run(started("own.so"), readers((R1, ATR, 1), modules=["own.so"]))
    assert do.ReadTokens("own.so") in commands
    assert not any(isinstance(c, do.FindModules) for c in commands)
    state, commands = run(state, shown("own.so", token("1")))
    assert (state.cards[R1].module, state.cards[R1].why) == ("own.so", Why.CONFIG)
    assert (dict(state.chosen), announced(commands)) == ({}, ["token_inserted"])


def test_what_the_configured_modules_do_not_show_is_looked_for() -> None:
    both = ["own.so", "two.so"]
    state, _ = run(started(*both), readers((R1, ATR, 1), modules=both), shown("own.so"))
    assert state.cards[R1].phase is Phase.WAITING
    state, commands = run(state, shown("two.so"))
    assert do.FindModules(ATR) in commands


def test_the_first_configured_module_wins_whoever_answers_first() -> None:
    both = ["own.so", "two.so"]
    state, commands = run(
        started(*both), readers((R1, ATR, 1), modules=both), shown("two.so", token("x"))
    )
    assert announced(commands) == ["gate_closed"] * 0
    assert not list(state.insertions)
    state, _ = run(state, shown("own.so", token("1")))
    assert [(i.token.module, i.token.id.serial) for i in state.insertions] == [("own.so", "1")]


def test_a_configured_module_that_recovers_takes_the_card() -> None:
    failed = ev.ModuleFailed("own.so", "crashed", NOW)
    state, _ = run(started("own.so"), readers((R1, ATR, 1), modules=["own.so"]), failed)
    state, _ = run(state, offered())
    assert codes(state) == ["token_unreadable"]  # a card is in, and nobody has read it
    state, _ = run(state, ev.PlugHinted("own.so", NOW), shown("own.so", token("1")))
    assert state.cards[R1].module == "own.so"
    assert codes(state) == []


def test_a_broken_configured_module_does_not_block_a_card_that_is_served() -> None:
    failed = ev.ModuleFailed("own.so", "crashed", NOW)
    state, _ = run(started("own.so"), readers((R1, ATR, 1), modules=["own.so"]), failed)
    state, _ = run(state, offered(YK), shown("yk.so", token("1")))
    assert codes(state) == []


def test_a_card_that_two_modules_show_is_one_token_and_both_count_for_the_gate(
    away: State, token: TokenSeen
) -> None:
    """OpenSC shows a YubiKey as well, under another name and serial."""
    begun = ev.AgentStarted((), NOW, discover=True)
    state, _ = run(replace(away, modules={}), readers((R1, ATR, 1), (R2, OTHER, 1)), begun)
    state, _ = run(state, offered(YK), offered(SC, atr=OTHER))
    mine = replace(token, reader=R1, certificates=())
    twice = replace(mine, id=TokenId("x", "y", "z"), certificates=token.certificates)
    third = replace(mine, id=TokenId("Acme", "T1", "9"), reader=R2)
    state, commands = run(state, shown("sc.so", twice, third), shown("yk.so", mine))
    assert [i.token.id for i in state.insertions] == [mine.id, third.id]
    assert state.cards[R1].module == "yk.so"
    assert codes(state) == ["original_present"]  # whichever of the two can read it
    assert announced(commands).count("token_inserted") == 2


def test_a_card_that_leaves_is_forgotten_by_the_other_module_that_showed_it(
    away: State, token: TokenSeen
) -> None:
    """The original is pulled out, and OpenSC goes on serving the spare that is beside it."""
    begun = ev.AgentStarted((), NOW, discover=True)
    cards = [(R1, ATR, 1), (R2, OTHER, 1)]
    state, _ = run(replace(away, modules={}), readers(*cards), begun)
    state, _ = run(state, offered(YK), offered(SC, atr=OTHER))
    mine = replace(token, reader=R1)
    twice, third = replace(mine, id=TokenId("x", "y", "z")), replace(mine, reader=R2)
    third = replace(third, id=TokenId("Acme", "T1", "9"), certificates=())
    state, _ = run(state, shown("sc.so", twice, third), shown("yk.so", mine))
    assert codes(state) == ["original_present"]
    state, commands = run(state, readers(cards[1]))
    assert do.ReadTokens("sc.so") in commands
    assert announced(commands).count("token_removed") == 1
    state, _ = run(state, shown("sc.so", third))
    assert codes(state) == []


def test_a_card_that_is_swapped_while_modules_are_tried_begins_anew() -> None:
    state, _ = run(started(), readers((R1, ATR, 1)), offered(YK, SC))
    state, commands = run(state, readers((R1, OTHER, 3)))
    assert do.FindModules(OTHER) in commands
    assert state.gate_shut
    # The answer over the first card says nothing of the second.
    state, _ = run(state, shown("yk.so", token("1")))
    assert (list(state.insertions), state.cards[R1].phase) == ([], Phase.LOOKING)
    state, _ = run(state, offered(YK))  # of the first card's kind, and too late
    assert state.cards[R1].phase is Phase.LOOKING
    state, commands = run(state, offered(SC, atr=OTHER), shown("sc.so", token("2")))
    assert [i.token.id.serial for i in state.insertions] == ["2"]
    assert not state.gate_shut


def test_nobody_waits_for_a_module_that_hangs_over_a_card_that_has_left() -> None:
    state, _ = run(started(), readers((R1, ATR, 1)), offered(YK), readers())
    assert codes(state) == []
    assert state.modules["yk.so"].reading  # its answer is still to come…
    again, commands = run(state, readers((R1, ATR, 3)), offered(YK))
    assert codes(again) == ["token_not_identified"]
    again, commands = run(again, shown("yk.so"))  # …and says nothing of the next card
    assert commands == [do.ReadTokens("yk.so")]
    state, _ = run(state, ev.ModuleFailed("yk.so", "hung", NOW))
    assert dict(state.modules) == {}


def test_an_answer_that_began_before_the_second_card_proves_nothing_of_it() -> None:
    state, _ = run(started(), readers((R1, ATR, 1)), offered(YK))
    state, commands = run(state, readers((R1, ATR, 3)), offered(YK))
    assert not any(isinstance(c, do.ReadTokens) for c in commands)  # one is on its way
    state, commands = run(state, shown("yk.so", token("1")))
    assert commands == [do.ReadTokens("yk.so")]
    assert state.cards[R1].phase is Phase.TRYING
    state, _ = run(state, shown("yk.so", token("2")))
    assert [i.token.id.serial for i in state.insertions] == ["2"]


def test_a_card_that_leaves_takes_its_token_with_it_and_nobody_is_asked() -> None:
    state, _ = run(started(), readers((R1, ATR, 1)), offered(YK), shown("yk.so", token("1")))
    state, commands = run(state, readers())
    assert announced(commands) == ["token_removed"]
    assert not any(isinstance(c, do.ReadTokens) for c in commands)
    assert (dict(state.modules), state.gate_shut) == ({}, False)
    late, commands = run(state, shown("yk.so", token("1")), ev.ModuleFailed("yk.so", "x", NOW))
    assert (commands, late) == ([], state)


def test_a_module_with_another_card_left_is_asked_which_one_that_is() -> None:
    two = [(R1, ATR, 1), (R2, ATR, 1)]
    state, commands = run(started(), readers(*two), offered(YK))
    both = shown("yk.so", token("1"), token("2", R2))
    state, _ = run(state, both, both)  # each card wants a listing that began after it
    assert len(list(state.insertions)) == 2
    state, commands = run(state, readers(two[1]))
    assert do.ReadTokens("yk.so") in commands
    assert announced(commands) == ["token_removed"]  # the reader has said so
    state, commands = run(state, shown("yk.so", token("2", R2)))
    assert announced(commands) == []
    assert [i.token.id.serial for i in state.insertions] == ["2"]
    assert not state.gate_shut


def test_tokens_in_slots_with_names_of_their_own_belong_to_the_card_that_is_tried() -> None:
    state, _ = run(started(), readers((R1, ATR, 1)), offered(P11))
    state, _ = run(state, shown("p11.so", token("1", "Slot 1")))
    assert state.cards[R1].phase is Phase.SERVED
    assert len(list(state.insertions)) == 1


def test_a_readers_name_is_cut_off_in_a_slots_description() -> None:
    long = "Acme Universal Smart Card Reader with a name that has no end at all 00 00"
    state, _ = run(started(), readers((long, ATR, 1), (R2, OTHER, 1)), offered(P11))
    state, _ = run(state, shown("p11.so", token("1", long[:64])))
    assert state.cards[long].module == "p11.so"
    twin = long[:-1] + "1"
    state, _ = run(started(), readers((long, ATR, 1), (twin, OTHER, 1)))
    assert discovery.card_of(state, token("1", long[:64])) is None  # nobody can tell them apart
