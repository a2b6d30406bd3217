"""Which module for which card: who is asked, in which order, and what follows from each answer.

| the card is | what happened | then |
|---|---|---|
| waiting | a configured module shows it, and those before it do not | served |
| waiting | no configured module shows it | looking |
| looking | the modules there are for it were found | trying the first, or unknown |
| trying | the module shows it | served; remembered for cards of this kind |
| trying | it shows nothing, fails, or is not installed | trying the next, or unknown |
| unknown | a module that is read again shows it | served |

Until a card is served or unknown the gate stays closed. A card belongs to one module, so that it is
one token whoever else can show it; what the others show of it counts for the gate all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from custode.domain.cards import (
    IDENTIFYING,
    Card,
    ChosenModule,
    Offer,
    Outcome,
    Phase,
    Tried,
    Why,
)
from custode.domain.commands import Announce, AppendAudit, FindModules, SaveChosenModule
from custode.domain.model import Module
from custode.domain.reading import hinted

if TYPE_CHECKING:
    from custode.domain.commands import Command
    from custode.domain.events import ModulesOffered
    from custode.domain.model import Reader, State, TokenSeen
    from custode.domain.records import Change

RANK: Final[Mapping[Why, int]] = {
    Why.CONFIG: 0,
    Why.REMEMBERED: 1,
    Why.CARD: 2,
    Why.P11_KIT: 3,
    Why.ANY_CARD: 4,
}
SLOT_NAME: Final = 64
"""Bytes of a slot's description (PKCS #11 v3.1 §3.1): longer readers' names are cut off there."""


# --- the decision -----------------------------------------------------------------------------


def order(offers: Iterable[Offer], remembered: str | None) -> tuple[Offer, ...]:
    """Put the modules for a card in the order in which they are asked, each one once."""
    told = [
        replace(one, why=Why.REMEMBERED)
        if one.key == remembered and one.path and one.why is not Why.CONFIG
        else one
        for one in offers
    ]
    told.sort(key=lambda one: RANK[one.why])
    once: dict[str, Offer] = {}
    for one in told:
        once.setdefault(one.path or one.key, one)
    return tuple(once.values())


def after(card: Card, outcome: Outcome, reason: str = "") -> Card:
    """What follows for a card from the answer of the module that is asked now."""
    offer, rest = card.queue[0], card.queue[1:]
    if outcome is Outcome.SHOWN:
        return replace(
            card, phase=Phase.SERVED, queue=(), asked=False, module=offer.name, why=offer.why
        )
    tried = (*card.tried, Tried(offer, outcome, reason))
    return first_installed(replace(card, queue=rest, asked=False, tried=tried))


def first_installed(card: Card) -> Card:
    """Go on to the first module that can be asked; the ones that are missing are noted."""
    while card.queue and card.queue[0].path is None:
        missing = Tried(card.queue[0], Outcome.MISSING)
        card = replace(card, queue=card.queue[1:], tried=(*card.tried, missing))
    return replace(card, phase=Phase.TRYING if card.queue else Phase.UNKNOWN)


def outcome_of(module: Module, *, shows: bool) -> tuple[Outcome, str]:
    """What a module that has been read says of a card."""
    if shows:
        return Outcome.SHOWN, ""
    if module.failure is not None:
        return Outcome.FAILED, module.failure
    if module.unreadable:
        return Outcome.FAILED, "unreadable"
    return Outcome.NO_TOKEN, ""


# --- whose token is it? -----------------------------------------------------------------------


def card_of(state: State, token: TokenSeen) -> Card | None:
    """The card that a token lies on, by the reader its slot is named after; None: nobody knows."""
    exact = state.cards.get(token.reader)
    if exact is not None or len(token.reader.encode()) < SLOT_NAME - 1:
        return exact
    cut = [one for name, one in state.cards.items() if name.startswith(token.reader)]
    return cut[0] if len(cut) == 1 else None


def _nowhere(state: State, token: TokenSeen) -> bool:
    """Whether nobody can say where a token is: its slot is named after no reader."""
    known = state.readers.readers if state.readers is not None else ()
    return card_of(state, token) is None and all(one.name != token.reader for one in known)


def shows(state: State, module: Module, card: Card) -> bool:
    """Whether a module shows a token on that card, or one that nobody can place."""
    return any(card_of(state, token) == card or _nowhere(state, token) for token in module.listed)


def visible(state: State, module: Module) -> tuple[TokenSeen, ...]:
    """The tokens that a module shows and that are its own, not another module's for that card."""
    if not state.discover or not state.sees_cards(module.name):
        return module.listed
    serves = any(card.module == module.name for card in state.cards.values())
    own = []
    for token in module.listed:
        card = card_of(state, token)
        if card is not None:
            mine = card.module == module.name
        else:
            mine = (serves or module.offer is None) and _nowhere(state, token)
        if mine:
            own.append(token)
    return tuple(own)


# --- cards that come and go -------------------------------------------------------------------


def cards_seen(state: State, readers: Iterable[Reader]) -> State:
    """Take over which cards are in; a card that stayed keeps what is known of it."""
    cards: dict[str, Card] = {}
    for reader in readers:
        if not reader.card:
            continue
        old = state.cards.get(reader.name)
        same = old is not None and (old.atr, old.stay) == (reader.atr, reader.stay)
        cards[reader.name] = old if old and same else Card(reader.name, reader.atr, reader.stay)
    return replace(state, cards=cards)


def offered(state: State, event: ModulesOffered) -> Change:
    """The modules for a kind of card were found."""
    commands: list[Command] = []
    chosen = state.chosen.get(event.atr)
    queue = order(event.offers, chosen.key if chosen else None)
    cards = dict(state.cards)
    for reader, card in cards.items():
        if card.phase is not Phase.LOOKING or card.atr != event.atr:
            continue
        named = replace(card, name=event.card_name)
        if event.ignored:
            cards[reader] = replace(named, phase=Phase.IGNORED)
        else:
            cards[reader] = first_installed(replace(named, queue=queue))
            commands += _told(cards[reader])
    return replace(state, cards=cards), tuple(commands)


def settle(state: State) -> Change:
    """Take every card as far as what is known takes it."""
    if not state.discover or not state.started:
        return state, ()
    commands: list[Command] = []
    for reader in tuple(state.cards):
        while (taken := _step(state, state.cards[reader])) is not None:
            state, more = taken
            commands += more
    return state, tuple(commands)


def _step(state: State, card: Card) -> Change | None:
    """One row of the table; None: nothing more to do for now."""
    match card.phase:
        case Phase.WAITING:
            return _ask_configured(state, card)
        case Phase.TRYING:
            return _ask_next(state, card)
        case Phase.UNKNOWN | Phase.IGNORED:
            by = next((m for m in state.modules.values() if _shows_now(state, m, card)), None)
            if by is None or (card.phase is Phase.IGNORED and by.offer is not None):
                return None
            return _served(state, card, by)
        case _:
            return None


def _shows_now(state: State, module: Module, card: Card) -> bool:
    placed = any(card_of(state, token) == card for token in module.listed)
    return state.sees_cards(module.name) and not module.pending and placed


def _ask_configured(state: State, card: Card) -> Change | None:
    names = state.readers.modules if state.readers else ()
    for module in [state.modules[name] for name in names if name in state.modules]:
        if module.pending:
            return None
        if shows(state, module, card):
            return _served(state, card, module)
    if not card.atr:  # mute: nobody can say which module it wants, nor could any talk to it
        mute = replace(card, phase=Phase.UNKNOWN)
        return _put(state, mute), _told(mute)
    return _put(state, replace(card, phase=Phase.LOOKING)), (FindModules(card.atr),)


def _ask_next(state: State, card: Card) -> Change | None:
    offer = card.queue[0]
    module = state.modules.get(offer.name, Module(offer.name, offer=offer))
    if not card.asked:
        return hinted(_put(state, replace(card, asked=True)), replace(module, offer=offer))
    if module.pending:
        return None
    answer, reason = outcome_of(module, shows=shows(state, module, card))
    if answer is Outcome.SHOWN:
        return _served(state, card, module)
    card = after(card, answer, reason)
    return _put(state, card), _told(card)


def _served(state: State, card: Card, module: Module) -> Change:
    offer = module.offer
    if offer is None:
        served = replace(
            card, phase=Phase.SERVED, queue=(), asked=False, module=module.name, why=Why.CONFIG
        )
        return _put(state, served), ()
    state = _put(state, after(replace(card, queue=(offer,)), Outcome.SHOWN))
    chosen = ChosenModule(card.atr, offer.key)
    if state.chosen.get(card.atr) == chosen:
        return state, ()
    told = {"atr": card.atr, "module": offer.name, "path": offer.path}
    return replace(state, chosen={**state.chosen, card.atr: chosen}), (
        SaveChosenModule(chosen),
        AppendAudit("module_chosen", told),
        Announce("module_chosen", told),
    )


def _told(card: Card) -> tuple[Command, ...]:
    if card.phase is not Phase.UNKNOWN:
        return ()
    return (Announce("card_unknown", {"reader": card.reader, "atr": card.atr}),)


def _put(state: State, card: Card) -> State:
    return replace(state, cards={**state.cards, card.reader: card})


def without_unused(state: State) -> State:
    """Let go of found modules that no card needs: nothing is read through them any more.

    One that is being read is kept until it answers, and nobody waits for that.
    """
    needed = {card.module for card in state.cards.values()}
    for card in state.cards.values():
        needed |= {card.queue[0].name} if card.queue else set()
        if card.phase is Phase.UNKNOWN:  # one that failed is tried again, for it may do better
            needed |= {one.offer.name for one in card.tried if one.outcome is Outcome.FAILED}
    kept: dict[str, Module] = {}
    for name, module in state.modules.items():
        if module.offer is None or module.unseen or name in needed:
            kept[name] = module
        elif module.reading:
            kept[name] = Module(name, reading=True, offer=module.offer)
    return replace(state, modules=kept)


# --- the gate ---------------------------------------------------------------------------------


def not_identified(state: State) -> tuple[str, ...]:
    """Readers whose card is not identified yet, where no module says so already."""
    if not state.discover:
        return ()
    if state.readers is None:
        return ("",)  # nobody has looked into the readers yet
    if any(module.pending for module in state.modules.values()):
        return ()
    return tuple(card.reader for card in state.cards.values() if card.phase in IDENTIFYING)


def unserved(state: State) -> bool:
    """Whether a card is in that no module showed."""
    return any(card.phase is Phase.UNKNOWN for card in state.cards.values())


def unread(state: State) -> tuple[str, ...]:
    """Readers with a card that may well be a token of ours, and that nobody could read.

    Some module failed over it; or cards of its kind were shown before, and this one is not.
    """
    return tuple(
        card.reader
        for card in state.cards.values()
        if card.phase is Phase.UNKNOWN
        and (card.atr in state.chosen or any(one.outcome is Outcome.FAILED for one in card.tried))
    )
