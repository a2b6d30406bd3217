"""Tokens that come and go: what a hint, a listing, a failing module or a moved card changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from custode.domain import discovery, reading
from custode.domain.certificates import LIVE
from custode.domain.commands import (
    Announce,
    AppendAudit,
    InstallWaiting,
    QueryStatus,
    ReadTokens,
    SaveToken,
)
from custode.domain.model import (
    Insertion,
    KnownToken,
    Module,
    Readers,
    TokenId,
    TokenSeen,
    TokenState,
)
from custode.domain.pin import told_by_token
from custode.domain.records import Change, link, unlink
from custode.domain.tokens import carried, recognise
from custode_authority.wire.states import CertificateState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from custode.domain.commands import Command, Data
    from custode.domain.events import (
        AgentStarted,
        ModuleFailed,
        ModulesOffered,
        ReadersSeen,
        TokensListed,
    )
    from custode.domain.model import State


def started(state: State, event: AgentStarted) -> Change:
    """Nothing is known of any module: all of them are read; then the cards that none shows."""
    fresh = {name: Module(name, pending=True, reading=True) for name in event.modules}
    state = replace(state, started=True, modules=fresh, discover=event.discover, cards={})
    if event.discover and state.readers is not None:
        state = discovery.cards_seen(state, state.readers.readers)
    state, commands = discovery.settle(state)
    return state, (*(ReadTokens(name) for name in fresh), *commands)


def hinted(state: State, name: str) -> Change:
    """Until that module has been read it may hold any token."""
    if not state.started:
        return state, ()  # the start reads them all
    return reading.hinted(state, state.modules.get(name, Module(name)))


def woke(state: State) -> Change:
    """Read everything again."""
    return _hint_all(state, state.modules)


def readers_seen(state: State, event: ReadersSeen) -> Change:
    """Note how the reader service does, and read what may have moved.

    Which tokens there are, only the modules can tell; that a card is out, the readers.
    """
    before = state.readers
    was = before.why if before is not None else None
    since = before.since if before is not None and was == event.why else event.at
    state = replace(state, readers=Readers(event.modules, event.readers, event.why, since))
    commands: list[Command] = []
    if event.why != was:
        told = Announce("readers_available", {})
        if event.why is not None:
            told = Announce("readers_unavailable", {"why": event.why})
        commands.append(told)
    if not state.started:
        return state, tuple(commands)
    if event.moved:
        state, reads = _hint_all(state, (m for m in event.modules if m in state.modules))
        commands += reads
    if state.discover:
        state, found = _cards_moved(state, event)
        commands += found
    return state, tuple(commands)


def _cards_moved(state: State, event: ReadersSeen) -> Change:
    """Bring the cards, and the modules that were found for them, in line with the readers."""
    was = state
    state = discovery.cards_seen(state, event.readers)
    gone = [card for name, card in was.cards.items() if state.cards.get(name) != card]
    left = {card.module for card in gone}
    # What another module showed on such a card counts for the gate: it is asked anew as well.
    left |= {
        module.name
        for module in was.modules.values()
        if any(discovery.card_of(was, token) in gone for token in module.listed)
    }
    commands: list[Command] = []
    for module in tuple(state.modules.values()):
        if module.offer is None:
            continue
        if event.why is not None:  # out of sight is not pulled out
            unseen = module.unseen or bool(module.insertions)
            state = reading.with_module(state, replace(module, listed=(), unseen=unseen))
        else:
            module = replace(module, unseen=False)  # noqa: PLW2901 - the same module, looked at anew
            state = reading.with_module(state, module)
            if module.name in left and _still_serves(state, module):
                state, reads = reading.hinted(state, module)
                commands += reads
    state, found = _settle(state, event.at)
    return state, (*commands, *found)


def _still_serves(state: State, module: Module) -> bool:
    return any(card.module == module.name for card in state.cards.values())


def offered(state: State, event: ModulesOffered) -> Change:
    """The modules for a kind of card were found: ask them, one after the other."""
    state, told = discovery.offered(state, event)
    state, commands = _settle(state, event.at)
    return state, (*told, *commands)


def _hint_all(state: State, names: Iterable[str]) -> Change:
    commands: list[Command] = []
    for name in tuple(names):
        state, more = hinted(state, name)
        commands += more
    return state, tuple(commands)


def reread_token(state: State, token: TokenId) -> Change:
    """Read the module that shows this token: something on the token changed by our own hand."""
    insertion = state.insertion(token)
    module = state.modules.get(insertion.token.module) if insertion is not None else None
    return reading.read(state, module) if module is not None else (state, ())


def listed(state: State, event: TokensListed) -> Change:
    """Derive insertions and removals from what the module shows now."""
    before = state.modules.get(event.module)
    if before is None:
        if state.discover:  # found for a card that has left since
            return state, ()
        before = Module(event.module)
    module = replace(
        before,
        failure=None,
        unreadable=event.token_unreadable or (event.unrecognised and not state.discover),
        listed=tuple(replace(token, module=event.module) for token in event.tokens),
    )
    state, commands = reading.answered(state, module)
    if before.failure is not None:
        commands.append(Announce("module_recovered", {"module": event.module}))
    state, more = _settled(state, event.at, event.module)
    return state, (*commands, *more)


def failed(state: State, event: ModuleFailed) -> Change:
    """A failed module shows no token; what it showed before it failed may still be there.

    So it blocks until it is read again, unless it showed none (see `gate` for why).
    """
    before = state.modules.get(event.module)
    if before is None:
        if state.discover:  # as above
            return state, ()
        before = Module(event.module)
    blind, was_here = state.blind(event.module), bool(before.insertions) or before.unseen
    module = replace(
        before,
        failure=event.why,
        unreadable=event.token_in_slot or before.unreadable or (was_here and not blind),
        listed=(),
    )
    state, commands = reading.answered(state, module)
    state, more = _settled(state, event.at, event.module)
    commands += more
    if before.failure != event.why:
        commands.append(Announce("module_failed", {"module": event.module, "why": event.why}))
    return state, tuple(commands)


def _settled(state: State, at: datetime, name: str) -> Change:
    """What follows from a module's answer: for the cards, and for which tokens are here."""
    before = state.modules[name]
    # Without cards that are told apart, one module's answer says nothing of another's tokens.
    state, commands = _settle(state, at) if state.discover else _show(state, at, (name,))
    if (module := state.modules.get(name)) is not None:
        gone = {i.number for i in before.insertions} - {i.number for i in module.insertions}
        unseen = state.blind(name) and (bool(gone) or before.unseen)
        state = reading.with_module(state, replace(module, unseen=unseen))
    return state, commands


def _settle(state: State, at: datetime) -> Change:
    """Take every card as far as it goes, and derive which tokens are here now."""
    state, found = discovery.settle(state)
    state, shown = _show(state, at, state.modules)
    return discovery.without_unused(state), (*found, *shown)


def _show(state: State, at: datetime, names: Iterable[str]) -> Change:
    """Derive from what modules show, and whose it is, which tokens came, changed and left."""
    last = state.last_insertion
    commands: list[Command] = []
    stays_now: list[TokenSeen] = []
    inserted: list[TokenSeen] = []
    changed: list[TokenSeen] = []
    removed: list[TokenSeen] = []
    modules = dict(state.modules)
    for module in [modules[name] for name in names]:
        left, stays = list(module.insertions), []
        for token in discovery.visible(state, module):
            old = next((i for i in left if i.token.id == token.id), None)
            if old is None:
                last += 1
                stays.append(Insertion(last, token, at))
                inserted.append(token)
                continue
            left.remove(old)
            stays.append(replace(old, token=token))
            if old.token != token:
                changed.append(token)
        removed += [i.token for i in left]
        stays_now += [i.token for i in stays]
        modules[module.name] = replace(module, insertions=tuple(stays))
    state = replace(state, modules=modules, last_insertion=last)
    commands += [c for token in removed for c in _told("token_removed", token, state)]
    state, more = _learn(state, stays_now)
    commands += more
    for token in inserted:
        commands += [*_told("token_inserted", token, state), *_follow_up(token, state)]
    commands += [Announce("token_changed", _data(t, state)) for t in changed]
    return state, tuple(commands)


def _learn(state: State, tokens: list[TokenSeen]) -> tuple[State, list[Command]]:
    """Bring records in line with the tokens: where certificates lie, what a token is called."""
    state, lost = unlink(state, tokens)
    state, found = link(state)
    commands: list[Command] = [*lost, *found]
    for token in tokens:
        known = state.known.get(token.id)
        if known is None and carried(token, state):
            known = KnownToken(token.id, "")
        if known is None:
            continue
        now = told_by_token(replace(known, label=token.label), token)
        if now != state.known.get(token.id, KnownToken(token.id, "")):
            state = replace(state, known={**state.known, token.id: now})
            commands.append(SaveToken(now))
    return state, commands


def _follow_up(token: TokenSeen, state: State) -> list[Command]:
    """Ask after what the token carries, and wake who waits for it."""
    commands: list[Command] = []
    if recognise(token, state) is TokenState.RETIRED:
        commands.append(AppendAudit("retired_token_came_back", {"serial": token.id.serial}))
    commands += [
        QueryStatus(c.fingerprint_sha256)
        for c in carried(token, state)
        if c.fingerprint_sha256 is not None and c.state in LIVE
    ]
    commands += [
        InstallWaiting(c.id_operazione, token.id)
        for c in state.certificates.values()
        if c.token == token.id and c.state is CertificateState.ACTIVE and not c.installed
    ]
    return commands


def _told(name: str, token: TokenSeen, state: State) -> tuple[Command, Command]:
    data = _data(token, state)
    return AppendAudit(name, data), Announce(name, data)


def _data(token: TokenSeen, state: State) -> Data:
    return {
        "manufacturer": token.id.manufacturer,
        "model": token.id.model,
        "serial": token.id.serial,
        "label": token.label,
        "module": token.module,
        "state": recognise(token, state),
    }
