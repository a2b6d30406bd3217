"""Cards and the reader service; and what holds whatever happens."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from custode.domain import commands as do
from custode.domain import events as ev
from custode.domain.cards import IDENTIFYING, Phase
from custode.domain.machine import step
from custode.domain.model import HeldCertificate, State, TokenId
from custode.domain.model import remember as remembered_state

from .cards_in import (
    ATR,
    GONE,
    NOW,
    OTHER,
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

# --- the reader service -----------------------------------------------------------------------


def test_a_token_that_goes_out_of_sight_with_the_service_blocks_until_it_is_back() -> None:
    state, _ = run(started(), readers((R1, ATR, 1)), offered(YK), shown("yk.so", token("1")))
    state, commands = run(state, readers(why="no_service"))
    assert "token_removed" in announced(commands)
    assert codes(state) == ["readers_unseen"]
    state, _ = run(state, ev.PlugHinted("yk.so", NOW), shown("yk.so"))
    assert codes(state) == ["readers_unseen"]
    gone, _ = run(state, readers())
    assert (codes(gone), dict(gone.modules)) == ([], {})
    back, commands = run(state, readers((R1, ATR, 9)))
    assert codes(back) == ["token_not_identified"]
    back, _ = run(back, offered(YK), shown("yk.so", token("1")))
    assert len(list(back.insertions)) == 1


def test_until_somebody_has_looked_into_the_readers_nothing_is_identified() -> None:
    begun = ev.AgentStarted((), NOW, discover=True)
    state, _ = run(remembered_state(NOW), begun)
    assert codes(state) == ["token_not_identified"]
    state, _ = run(state, readers(why="no_service"))
    assert codes(state) == []  # nothing was seen through it: nobody is locked out
    state, commands = run(remembered_state(NOW), readers((R1, ATR, 1)), begun)
    assert do.FindModules(ATR) in commands  # told before the start


def test_without_discovery_cards_are_no_concern() -> None:
    begun = ev.AgentStarted(("own.so",), NOW)
    state, commands = run(remembered_state(NOW), begun, readers((R1, ATR, 1), modules=["own.so"]))
    assert not any(isinstance(c, do.FindModules) for c in commands)
    state, _ = run(state, shown("own.so", token("1")), shown("own.so", token("1")))
    assert (dict(state.cards), len(list(state.insertions))) == ({}, 1)


# --- whatever happens -------------------------------------------------------------------------

NAMES = ("yk.so", "sc.so", "own.so")
cards_in = st.lists(
    st.tuples(st.sampled_from([R1, R2]), st.sampled_from([ATR, OTHER]), st.integers(1, 3)),
    max_size=2,
    unique_by=lambda card: card[0],
)
tokens_seen = st.lists(
    st.builds(token, st.sampled_from("12"), st.sampled_from([R1, R2, "Slot 1"])),
    max_size=2,
    unique_by=lambda one: (one.id, one.reader),
)
happenings: st.SearchStrategy[ev.Event] = st.one_of(
    cards_in.map(lambda cards: readers(*cards, modules=["own.so"])),
    st.just(readers(why="no_service", modules=["own.so"])),
    st.builds(
        lambda offers, atr, ignored: offered(*offers, atr=atr, ignored=ignored),
        st.lists(st.sampled_from([YK, SC, GONE, P11]), max_size=3),
        st.sampled_from([ATR, OTHER]),
        st.booleans(),
    ),
    st.builds(lambda name, seen: shown(name, *seen), st.sampled_from(NAMES), tokens_seen),
    st.builds(lambda name: ev.ModuleFailed(name, "hung", NOW), st.sampled_from(NAMES)),
    st.builds(lambda name: ev.PlugHinted(name, NOW), st.sampled_from(["own.so"])),
    st.just(ev.ComputerWoke(NOW)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(happenings, max_size=30))
def test_a_card_has_one_module_and_is_never_passed_over(story: list[ev.Event]) -> None:
    """The events come as they do to an agent: an answer only where something was asked."""
    state = started("own.so")
    reading: set[str] = set()
    finding: set[str] = set()
    for event in story:
        if isinstance(event, ev.TokensListed | ev.ModuleFailed):
            if event.module not in reading:
                continue
            reading.discard(event.module)
        if isinstance(event, ev.ModulesOffered):
            if event.atr not in finding:
                continue
            finding.discard(event.atr)
        state, commands = step(state, event)
        reading |= {c.module for c in commands if isinstance(c, do.ReadTokens)}
        finding |= {c.atr for c in commands if isinstance(c, do.FindModules)}
        for card in state.cards.values():
            # The gate is shut from the event until the card is identified, or nobody is left…
            assert card.phase not in IDENTIFYING or state.gate_shut
            # …and whoever waits, waits for an answer that is on its way.
            if card.phase is Phase.LOOKING:
                assert card.atr in finding
            if card.phase is Phase.TRYING:
                assert card.queue[0].name in reading
            on_it = {i.token.module for i in state.insertions if i.token.reader == card.reader}
            assert on_it <= {card.module}
            if card.phase is Phase.UNKNOWN:
                assert not any(o.path for o in card.queue)
        if not state.cards and not reading:
            found = [m for m in state.modules.values() if m.offer is not None]
            assert all(module.unseen for module in found)  # no card, no module


def test_held_certificates_of_hidden_tokens_do_not_become_ours(away: State) -> None:
    """What is another module's for its card is not where a certificate is noted to lie."""
    begun = ev.AgentStarted((), NOW, discover=True)
    state, _ = run(replace(away, modules={}), readers((R1, ATR, 1), (R2, OTHER, 1)), begun)
    state, _ = run(state, offered(YK), offered(SC, atr=OTHER), shown("yk.so", token("1")))
    strange = replace(token("9", R1, "x"), certificates=(HeldCertificate("01", "o", "a" * 64),))
    state, _ = run(state, shown("sc.so", strange, token("2", R2)))
    record = state.certificate("a" * 64)
    assert record is not None
    assert record.token == TokenId("Acme", "T1", "0001")
