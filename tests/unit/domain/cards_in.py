"""Cards that come and go, modules that answer: the words in which the tests of that are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from custode.domain import commands as do
from custode.domain import events as ev
from custode.domain.cards import ChosenModule, Offer, Why
from custode.domain.machine import step
from custode.domain.model import Reader, State, TokenId, TokenSeen
from custode.domain.model import remember as remembered_state
from custode.domain.standing import local_reasons

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
ATR, OTHER = "3bfd13", "3b04"
R1, R2 = "Acme 00 00", "Acme 01 00"
YK = Offer("ykcs11", "yk.so", Why.CARD, "/yk.so", "YKCS11", "ykcs11")
SC = Offer("opensc", "sc.so", Why.ANY_CARD, "/sc.so", "OpenSC", "opensc-pkcs11")
P11 = Offer("/p11.so", "p11.so", Why.P11_KIT, "/p11.so")
OWN = Offer("/own.so", "own.so", Why.CONFIG, "/own.so")
GONE = replace(YK, path=None)


def run(state: State, *events: ev.Event) -> tuple[State, list[do.Command]]:
    commands: list[do.Command] = []
    for event in events:
        state, more = step(state, event)
        commands += more
    return state, commands


def announced(commands: Sequence[do.Command]) -> list[str]:
    names = [c.name for c in commands if isinstance(c, do.Announce)]
    return [name for name in names if name != "gate"]


def codes(state: State) -> list[str]:
    return [reason.code.value for reason in local_reasons(state)]


def readers(
    *cards: tuple[str, str, int], why: str | None = None, modules: Sequence[str] = ()
) -> ev.ReadersSeen:
    names = [name for name, _, _ in cards]
    seen = [Reader(name, card=True, atr=atr, stay=stay) for name, atr, stay in cards]
    seen += [Reader(name, card=False) for name in (R1, R2) if name not in names and why is None]
    return ev.ReadersSeen(tuple(modules), tuple(seen), why, NOW, moved=True)


def offered(*offers: Offer, atr: str = ATR, **more: object) -> ev.ModulesOffered:
    return ev.ModulesOffered(atr, offers, NOW, "A card", **more)  # type: ignore[arg-type] # as told


def shown(module: str, *tokens: TokenSeen, **more: bool) -> ev.TokensListed:
    return ev.TokensListed(module, tokens, NOW, **more)


def token(serial: str, reader: str = R1, maker: str = "Acme") -> TokenSeen:
    return TokenSeen(TokenId(maker, "T1", serial), f"Token {serial}", "?", reader=reader)


def started(*modules: str, chosen: Sequence[ChosenModule] = ()) -> State:
    """An agent that discovers, with its configured modules read and its readers empty."""
    state = remembered_state(NOW, chosen=chosen)
    begun = ev.AgentStarted(modules, NOW, discover=True)
    listings = [shown(name) for name in modules]
    state, _ = run(state, readers(modules=modules), begun, *listings)
    return state
