"""Tokens that come and go: what a hint, a listing or a failing module changes.

At most one listing of a module is on its way. What happens meanwhile asks for another one, and the
module stays pending until that has come: a listing begun before a hint proves nothing about it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

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
    from custode.domain.commands import Command, Data
    from custode.domain.events import ModuleFailed, ReadersSeen, TokensListed
    from custode.domain.model import State


def started(state: State, modules: tuple[str, ...]) -> Change:
    """Nothing is known of any module: all of them are read."""
    fresh = {name: Module(name, pending=True, reading=True) for name in modules}
    state = replace(state, started=True, modules=fresh)
    return state, tuple(ReadTokens(name) for name in fresh)


def hinted(state: State, name: str) -> Change:
    """Until that module has been read it may hold any token."""
    if not state.started:
        return state, ()  # the start reads them all
    module = state.modules.get(name, Module(name))
    return read(_with(state, replace(module, pending=True)), name)


def woke(state: State) -> Change:
    """Read everything again."""
    commands: list[Command] = []
    for name in state.modules:
        state, more = hinted(state, name)
        commands += more
    return state, tuple(commands)


def readers_seen(state: State, event: ReadersSeen) -> Change:
    """Note how the reader service does. Which tokens there are, only the modules can tell."""
    before = state.readers
    was = before.why if before is not None else None
    since = before.since if before is not None and was == event.why else event.at
    state = replace(state, readers=Readers(event.modules, event.readers, event.why, since))
    if event.why == was:
        return state, ()
    if event.why is None:
        return state, (Announce("readers_available", {}),)
    return state, (Announce("readers_unavailable", {"why": event.why}),)


def read(state: State, name: str | None) -> Change:
    """Read a module's tokens, or do so again after the listing that is on its way."""
    module = state.modules.get(name) if name is not None else None
    if module is None:
        return state, ()
    if module.reading:
        return _with(state, replace(module, read_again=True)), ()
    return _with(state, replace(module, reading=True)), (ReadTokens(module.name),)


def reread_token(state: State, token: TokenId) -> Change:
    """Read the module that shows this token: something on the token changed by our own hand."""
    insertion = state.insertion(token)
    return read(state, insertion.token.module if insertion is not None else None)


def listed(state: State, event: TokensListed) -> Change:
    """Derive insertions and removals from what the module shows now."""
    before = state.modules.get(event.module, Module(event.module))
    left = list(before.insertions)
    last, stays, inserted, changed = state.last_insertion, [], [], []
    for reported in event.tokens:
        token = replace(reported, module=event.module)
        old = next((i for i in left if i.token.id == token.id), None)
        if old is None:
            last += 1
            stays.append(Insertion(last, token, event.at))
            inserted.append(token)
            continue
        left.remove(old)
        stays.append(replace(old, token=token))
        if old.token != token:
            changed.append(token)
    module = replace(
        before,
        failure=None,
        unreadable=event.token_unreadable,
        unseen=_blind(state, event.module) and (bool(left) or before.unseen),
        insertions=tuple(stays),
    )
    state, commands = _answered(replace(state, last_insertion=last), module)
    if before.failure is not None:
        commands.append(Announce("module_recovered", {"module": event.module}))
    removed = [i.token for i in left]
    commands += [c for t in removed for c in _told("token_removed", t, state)]
    state, more = _learn(state, [i.token for i in stays])
    commands += more
    for token in inserted:
        commands += [*_told("token_inserted", token, state), *_follow_up(token, state)]
    commands += [Announce("token_changed", _data(t, state)) for t in changed]
    return state, tuple(commands)


def failed(state: State, event: ModuleFailed) -> Change:
    """A failed module shows no token; what it showed before it failed may still be there.

    So it blocks until it is read again, unless it showed none (see `gate` for why).
    """
    before = state.modules.get(event.module, Module(event.module))
    blind, was_here = _blind(state, event.module), bool(before.insertions) or before.unseen
    module = replace(
        before,
        failure=event.why,
        unreadable=event.token_in_slot or before.unreadable or (was_here and not blind),
        unseen=was_here and blind,
        insertions=(),
    )
    state, commands = _answered(state, module)
    commands += [c for i in before.insertions for c in _told("token_removed", i.token, state)]
    if before.failure != event.why:
        commands.append(Announce("module_failed", {"module": event.module, "why": event.why}))
    return state, tuple(commands)


def _blind(state: State, module: str) -> bool:
    """Whether a token of that module may be here and out of sight.

    A service that ends takes every card out of sight; none was pulled out by that.
    """
    return state.readers is not None and state.readers.blind(module)


def _with(state: State, module: Module) -> State:
    return replace(state, modules={**state.modules, module.name: module})


def _answered(state: State, module: Module) -> tuple[State, list[Command]]:
    """Take note that a read ended; begin another one if something happened since it began."""
    again = module.read_again
    pending = module.pending and again
    state = _with(state, replace(module, pending=pending, reading=again, read_again=False))
    return state, [ReadTokens(module.name)] if again else []


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
