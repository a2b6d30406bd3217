"""`step`, event by event."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from custode.domain import commands as do
from custode.domain import events as ev
from custode.domain.machine import step
from custode.domain.model import (
    Authority,
    BackupRecord,
    CertificateRecord,
    HeldCertificate,
    Identity,
    KnownToken,
    Module,
    PinRole,
    State,
    TokenId,
    TokenSeen,
    TokenState,
    WaitingOperation,
)
from custode.domain.standing import local_reasons
from custode.domain.tokens import recognise
from custode_authority.wire.reasons import CrlReason
from custode_authority.wire.states import BackupState, CertificateState


def run(state: State, *events: ev.Event) -> tuple[State, list[do.Command]]:
    commands: list[do.Command] = []
    for event in events:
        state, more = step(state, event)
        commands += more
    return state, commands


def announced(commands: Sequence[do.Command]) -> list[str]:
    return [c.name for c in commands if isinstance(c, do.Announce)]


def audited(commands: Sequence[do.Command]) -> list[str]:
    return [c.name for c in commands if isinstance(c, do.AppendAudit)]


# --- tokens that come and go ------------------------------------------------------------------


def test_the_start_reads_every_module(away: State) -> None:
    fresh = replace(away, started=False, gate_shut=True, modules={})
    state, commands = run(fresh, ev.AgentStarted(("soft", "card"), away.now))
    assert commands == [do.ReadTokens("soft"), do.ReadTokens("card")]
    state, commands = run(state, ev.TokensListed("soft", (), away.now))
    assert state.gate_shut
    state, commands = run(state, ev.ModuleFailed("card", "no such file", away.now))
    assert do.OpenGate() in commands
    assert not state.gate_shut


def test_the_start_asks_only_for_what_may_have_changed(
    away: State, original: CertificateRecord, backup: BackupRecord
) -> None:
    generating = replace(original, state=CertificateState.GENERATING)
    requested = replace(backup, state=BackupState.REQUESTED)
    waiting = replace(away, certificates={"OP1": generating}, backups={"b": requested})
    _, commands = run(waiting, ev.AgentStarted((), away.now))
    assert do.QueryOperations() in commands
    assert do.QueryBackups() in commands


@pytest.mark.parametrize(
    ("state", "asked_h", "heard_s", "asks"),
    [
        (BackupState.REQUESTED, 0, 60, True),
        (BackupState.REQUESTED, 0, 10, False),
        (BackupState.REQUESTED, 1, 300, False),
        (BackupState.REQUESTED, 1, 360, True),
        (BackupState.REQUESTED, 48, 899, False),
        (BackupState.REQUESTED, 48, 900, True),
        (BackupState.REGISTERED, 48, 900, False),
        (BackupState.APPROVED, 48, 900, False),
    ],
)
def test_the_desk_is_asked_ever_more_rarely(
    away: State, backup: BackupRecord, state: BackupState, asked_h: int, heard_s: int, *, asks: bool
) -> None:
    said_at = away.now - timedelta(seconds=heard_s)
    asked_at = away.now - timedelta(hours=asked_h)
    waiting = replace(backup, state=state, requested_at=asked_at, said_at=said_at)
    _, commands = run(replace(away, backups={"b": waiting}), ev.ClockTicked(away.now))
    assert (do.QueryBackups() in commands) is asks


def test_a_hint_closes_the_gate_before_anything_else(away: State) -> None:
    state, commands = run(away, ev.PlugHinted("soft", away.now))
    assert isinstance(commands[0], do.CloseGate)
    assert [r.code.value for r in commands[0].reasons] == ["token_not_identified"]
    assert commands[-1] == do.ReadTokens("soft")
    assert state.gate_shut


def test_the_original_arrives_and_goes(away: State, token: TokenSeen) -> None:
    hint, listing = ev.PlugHinted("soft", away.now), ev.TokensListed("soft", (token,), away.now)
    state, commands = run(away, hint, listing)
    assert announced(commands) == ["gate", "token_inserted"]
    assert do.QueryStatus("a" * 64) in commands
    assert do.OpenGate() not in commands
    (stay,) = state.insertions
    assert (stay.number, stay.since) == (1, away.now)
    later = away.now + timedelta(minutes=1)
    state, commands = run(state, ev.PlugHinted("soft", later), ev.TokensListed("soft", (), later))
    assert announced(commands) == ["token_removed", "gate"]
    assert audited(commands) == ["token_removed"]
    assert not list(state.insertions)
    assert not state.gate_shut


def test_an_event_says_which_token(away: State, token: TokenSeen) -> None:
    _, commands = run(away, ev.TokensListed("soft", (token,), away.now))
    (told,) = [c for c in commands if isinstance(c, do.Announce) and c.name == "token_inserted"]
    assert told.data == {
        "manufacturer": "Acme",
        "model": "T1",
        "serial": "0001",
        "label": "My token",
        "module": "soft",
        "state": "primary",
    }


def test_a_listing_begun_before_a_hint_identifies_nothing(away: State, token: TokenSeen) -> None:
    """The first read may have been over before the second token arrived."""
    hint, empty = ev.PlugHinted("soft", away.now), ev.TokensListed("soft", (), away.now)
    state, commands = run(away, hint, hint)
    assert [c for c in commands if isinstance(c, do.ReadTokens)] == [do.ReadTokens("soft")]
    state, commands = run(state, empty)
    assert commands == [do.ReadTokens("soft")]
    assert state.gate_shut
    state, commands = run(state, ev.TokensListed("soft", (token,), away.now))
    assert "token_inserted" in announced(commands)
    assert not state.modules["soft"].pending


def test_a_token_that_stays_is_not_inserted_again(here: State, token: TokenSeen) -> None:
    state, commands = run(here, ev.TokensListed("soft", (token,), here.now))
    assert (state, commands) == (here, [])
    changed = replace(token, max_pin=8)
    state, commands = run(here, ev.TokensListed("soft", (changed,), here.now))
    assert announced(commands) == ["token_changed"]
    assert [i.number for i in state.insertions] == [1]


def test_two_tokens_that_cannot_be_told_apart(away: State, empty: TokenSeen) -> None:
    """Factory-fresh tokens may have no serial: both are here nevertheless."""
    state, _ = run(away, ev.TokensListed("soft", (empty, empty), away.now))
    assert [i.number for i in state.insertions] == [1, 2]
    state, commands = run(state, ev.TokensListed("soft", (empty,), away.now))
    assert [i.number for i in state.insertions] == [1]
    assert announced(commands) == ["token_removed"]


def test_a_module_is_what_reported_the_token(away: State, token: TokenSeen) -> None:
    state, _ = run(away, ev.TokensListed("card", (replace(token, module="x"),), away.now))
    assert [i.token.module for i in state.insertions] == ["card"]


def test_a_module_that_fails_without_having_shown_a_token_locks_nobody_out(away: State) -> None:
    failed = ev.ModuleFailed("soft", "SIGSEGV", away.now)
    state, commands = run(away, ev.PlugHinted("soft", away.now), failed)
    assert announced(commands) == ["gate", "module_failed", "gate"]
    assert state.modules["soft"] == Module("soft", failure="SIGSEGV")
    assert not state.gate_shut
    state, commands = run(state, failed)
    assert commands == []  # it is told once
    state, commands = run(state, replace(failed, token_in_slot=True))
    assert state.gate_shut  # but a token that is known to be there closes the gate
    state, commands = run(state, ev.TokensListed("soft", (), away.now))
    assert announced(commands) == ["module_recovered", "gate"]
    assert state.modules["soft"] == Module("soft")
    assert not state.gate_shut


@pytest.mark.parametrize("hints", [0, 1, 2])
def test_a_module_that_fails_with_a_token_in_it_blocks_until_it_is_read_again(
    here: State, token: TokenSeen, hints: int
) -> None:
    """A crash is no removal: the original may still sit in its slot."""
    hint, failed = ev.PlugHinted("soft", here.now), ev.ModuleFailed("soft", "SIGSEGV", here.now)
    state, commands = run(here, *[hint] * hints, failed, *[hint] * hints, failed)
    assert announced(commands) == ["token_removed", "module_failed"]
    assert not list(state.insertions)
    assert state.modules["soft"].unreadable
    assert state.gate_shut
    back, commands = run(state, ev.TokensListed("soft", (token,), here.now))
    assert announced(commands) == ["module_recovered", "token_inserted"]
    assert (back.gate_shut, back.modules["soft"].unreadable) == (True, False)
    gone, commands = run(state, ev.TokensListed("soft", (), here.now))
    assert announced(commands) == ["module_recovered", "gate"]
    assert not gone.gate_shut


def test_a_slot_with_a_token_that_answers_nothing_blocks(away: State, empty: TokenSeen) -> None:
    mute = ev.TokensListed("soft", (empty,), away.now, token_unreadable=True)
    state, _ = run(away, mute)
    assert [i.token for i in state.insertions] == [empty]  # the others stay of use
    assert [r.code.value for r in local_reasons(state)] == ["token_unreadable"]
    state, _ = run(state, replace(mute, token_unreadable=False))
    assert not state.gate_shut


def test_a_module_that_fails_while_hinted_again_is_read_again(away: State) -> None:
    hint = ev.PlugHinted("soft", away.now)
    state, commands = run(away, hint, hint, ev.ModuleFailed("soft", "hung", away.now))
    assert [c for c in commands if isinstance(c, do.ReadTokens)] == [do.ReadTokens("soft")] * 2
    assert state.gate_shut


def test_a_retired_token_comes_back(
    away: State, token: TokenSeen, original: CertificateRecord, backup: BackupRecord
) -> None:
    ended = replace(original, state=CertificateState.CANCELLED, crl_reason=CrlReason.KEY_COMPROMISE)
    restored = replace(backup, state=BackupState.RESTORED)
    state = replace(away, certificates={"OP1": ended}, backups={"b": restored})
    state, commands = run(state, ev.TokensListed("soft", (token,), away.now))
    assert audited(commands) == ["token_inserted", "retired_token_came_back"]
    assert [c.need.kind.value for c in commands if isinstance(c, do.ShowPrompt)] == [
        "cancelled_original_back"
    ]
    assert not any(isinstance(c, do.QueryStatus) for c in commands)  # it never ages


# --- the person -------------------------------------------------------------------------------


def test_identity(away: State, identity: Identity) -> None:
    fresh, commands = run(State(now=away.now), ev.IdentitySet(identity, away.now))
    assert fresh.identity == identity
    assert audited(commands) == announced(commands) == ["identity_set"]
    assert do.SaveIdentity(identity) in commands
    (line,) = [c for c in commands if isinstance(c, do.AppendAudit)]
    assert identity.codice_fiscale not in line.data.values()
    # Said again without a primary: it stays. Somebody else: it does not.
    named = replace(identity, primary=None, name="T")
    state, _ = run(away, ev.IdentitySet(named, away.now))
    assert state.identity == replace(named, primary=identity.primary)
    other = replace(named, code="XYZ9")
    state, _ = run(away, ev.IdentitySet(other, away.now))
    assert state.identity == other
    assert run(away, ev.IdentitySet(identity, away.now)) == (away, [])


def test_initialising_adopts_and_rereads(away: State, empty: TokenSeen) -> None:
    state, _ = run(away, ev.TokensListed("soft", (empty,), away.now))
    state, commands = run(state, ev.TokenInitialised(empty.id, "Second", away.now))
    known = KnownToken(empty.id, "Second", adopted=True)
    assert do.SaveToken(known) in commands
    assert do.ReadTokens("soft") in commands
    assert audited(commands) == ["token_initialised"]
    assert state.known[empty.id] == known
    assert not state.modules["soft"].pending  # our own hand: no reason to close the gate


def test_a_token_with_a_key_of_ours_is_nobody_elses(away: State, empty: TokenSeen) -> None:
    """Ykcs11 puts a certificate of its own beside each new key: it is none of ours."""
    theirs = replace(empty, certificates=(HeldCertificate("01", "made up", "0" * 64),))
    assert recognise(theirs, away) is TokenState.FOREIGN
    state, commands = run(away, ev.TokenAdopted(empty.id, away.now))
    assert recognise(theirs, state) is TokenState.RECOGNISED
    assert commands == [do.SaveToken(KnownToken(empty.id, "", adopted=True))]


def test_promoting(away: State, empty: TokenSeen) -> None:
    state, commands = run(away, ev.TokenPromoted(empty.id, away.now))
    assert state.identity is not None
    assert state.identity.primary == empty.id
    assert audited(commands) == announced(commands) == ["token_promoted"]
    assert run(state, ev.TokenPromoted(empty.id, away.now)) == (state, [])
    nobody, commands = run(replace(away, identity=None), ev.TokenPromoted(empty.id, away.now))
    assert nobody.identity is None
    assert do.SaveToken(KnownToken(empty.id, "", adopted=True)) in commands


def test_forgetting(away: State, token: TokenSeen) -> None:
    state, commands = run(away, ev.TokenForgotten(token.id, away.now))
    assert state.known == {}
    assert state.identity is not None
    assert state.identity.primary is None
    assert do.ForgetToken(token.id) in commands
    assert do.SaveIdentity(state.identity) in commands
    other = TokenId("Acme", "T1", "0009")
    _, commands = run(away, ev.TokenForgotten(other, away.now))
    assert commands == [
        do.ForgetToken(other),
        do.AppendAudit("token_forgotten", {"serial": "0009"}),
    ]


@pytest.mark.parametrize("role", PinRole)
def test_the_pin_ledger(here: State, token: TokenSeen, role: PinRole) -> None:
    wrong = ev.PinRejected(token.id, role, here.now)
    state, commands = run(here, wrong, wrong)
    known = state.known[token.id]
    assert (known.user_pin_failures, known.so_pin_failures) == (
        (2, 0) if role is PinRole.USER else (0, 2)
    )
    assert commands.count(do.ReadTokens("soft")) == 1
    assert audited(commands) == ["pin_rejected"] * 2
    assert [c.need.kind.value for c in commands if isinstance(c, do.ShowPrompt)] == [
        "last_pin_attempt"
    ]
    state, commands = run(state, ev.PinAccepted(token.id, role, here.now))
    assert state.known == here.known
    assert any(isinstance(c, do.TakeDownPrompt) for c in commands)
    stranger = ev.PinAccepted(TokenId("Acme", "T1", "0009"), role, here.now)
    assert run(here, stranger) == (here, [])


def test_a_chosen_language_is_announced(here: State) -> None:
    _, commands = run(here, ev.LanguageChosen("it", here.now))
    assert commands == [do.Announce("language_changed", {"language": "it"})]


def test_snoozing(here: State) -> None:
    bare, commands = run(replace(here, backups={}, gate_shut=False), ev.ClockTicked(here.now))
    (prompt,) = [c for c in commands if isinstance(c, do.ShowPrompt)]
    until = here.now + timedelta(days=1)
    state, commands = run(bare, ev.NeedSnoozed(prompt.need.key, until, here.now))
    assert commands[-1] == do.TakeDownPrompt(prompt.need.key)
    state, commands = run(state, ev.ClockTicked(until))
    assert any(isinstance(c, do.ShowPrompt) and c.notify for c in commands)
    assert state.now == until


def test_operations_pause_and_end(away: State) -> None:
    paused = ev.OperationPaused("J1", "install", None, away.now)
    state, commands = run(away, paused)
    assert state.waiting == {"J1": WaitingOperation("J1", "install")}
    assert any(isinstance(c, do.ShowPrompt) for c in commands)
    state, commands = run(state, ev.OperationEnded("J1", away.now))
    assert state.waiting == {}
    assert commands == [do.TakeDownPrompt("operation_can_go_on:J1")]
    assert run(state, ev.OperationEnded("J9", away.now)) == (state, [])


# --- the authority ----------------------------------------------------------------------------


def test_the_authority_comes_and_goes(away: State) -> None:
    state, commands = run(away, ev.AuthorityReachable(away.now))
    assert commands == [
        do.Announce("authority_reachable", {}),
        do.QueryOperations(),
        do.QueryBackups(),
    ]
    assert run(state, ev.AuthorityReachable(away.now)) == (state, [])
    later = away.now + timedelta(minutes=1)
    state, commands = run(state, ev.AuthorityUnreachable("stopped", later))
    assert announced(commands) == ["authority_unreachable"]
    assert state.authority == Authority(reachable=False, why="stopped", since=later)
    again, commands = run(state, ev.AuthorityUnreachable("stopped", later + timedelta(minutes=1)))
    assert (again.authority, commands) == (state.authority, [])
    nobody = replace(away, identity=None, prompts_up=frozenset({"identity_missing:"}))
    _, commands = run(nobody, ev.AuthorityReachable(away.now))
    assert commands == [do.Announce("authority_reachable", {})]


def test_the_authority_described(away: State) -> None:
    state, commands = run(away, ev.AuthorityDescribed(True, None, away.now))
    assert state.authority.embedded
    assert [c.need.kind.value for c in commands if isinstance(c, do.ShowPrompt)] == [
        "recovery_export_missing"
    ]


def test_reread_of_a_token_that_is_gone_reads_nothing(away: State, token: TokenSeen) -> None:
    _, commands = run(away, ev.PinRejected(token.id, PinRole.USER, away.now))
    assert not any(isinstance(c, do.ReadTokens) for c in commands)


def test_commands_can_be_keys(here: State, away: State) -> None:
    """The executor counts what is on its way in a dictionary."""
    _, commands = run(away, ev.PlugHinted("soft", away.now), ev.AuthorityReachable(away.now))
    assert len(dict.fromkeys(commands)) == len(set(commands))
    _, prompts = run(replace(here, backups={}), ev.ClockTicked(here.now))
    assert {hash(command) for command in prompts}
