"""Spare tokens: which one would do, what it carries, when its key is dead."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from custode.domain import commands as do
from custode.domain import events as ev
from custode.domain.backups import merged
from custode.domain.machine import step
from custode.domain.model import (
    BackupRecord,
    CertificateRecord,
    HeldCertificate,
    HeldKey,
    Insertion,
    KnownToken,
    Module,
    State,
    TokenId,
    TokenSeen,
    TokenState,
)
from custode.domain.needs import needs
from custode.domain.spares import at_hand, carried_by, dead_on, label_of, on_token, spec_of
from custode.domain.tokens import recognise
from custode_authority.wire.states import BackupPlace, BackupState, CertificateState

P256 = (HeldKey("01", "ec", 256),)


@pytest.fixture
def spare(backup: BackupRecord, empty: TokenSeen) -> BackupRecord:
    return replace(
        backup,
        backup_id="5" * 32,
        place=BackupPlace.TOKEN,
        container_sha256=None,
        folder_name=None,
        successor_key_sha256="7" * 64,
        token=empty.id,
        key_id="07",
    )


@pytest.fixture
def second(empty: TokenSeen) -> TokenSeen:
    """A second token that can make P-256 keys."""
    return replace(empty, key_specs=("rsa2048", "p256"))


def insert(state: State, *tokens: TokenSeen) -> State:
    stays = tuple(Insertion(n, t, state.now) for n, t in enumerate(tokens, 1))
    return replace(state, modules={"soft": Module("soft", insertions=stays)})


def with_backups(state: State, *backups: BackupRecord) -> State:
    return replace(state, backups={b.backup_id: b for b in backups})


@pytest.mark.parametrize(
    ("key", "spec"),
    [
        (HeldKey("01", "ec", 256), "p256"),
        (HeldKey("01", "ec", 384), "p384"),
        (HeldKey("01", "rsa", 3072), "rsa3072"),
        (HeldKey("02", "rsa", 3072), None),
    ],
)
def test_the_kind_of_a_key(key: HeldKey, spec: str | None, empty: TokenSeen) -> None:
    assert spec_of(replace(empty, public_keys=(key,)), "01") == spec
    assert spec_of(empty, None) is None


# --- offered ----------------------------------------------------------------------------------


def test_a_second_token_is_offered(away: State, token: TokenSeen, second: TokenSeen) -> None:
    holder = replace(token, public_keys=P256)
    bare = with_backups(away)
    assert at_hand(insert(bare, holder, second)) == (second,)
    assert at_hand(insert(bare, holder, second, second)) == (second,)  # seen through two modules
    (need,) = (n for n in needs(insert(bare, holder, second), away.now) if n.critical)
    assert need.text_args["spare"] == second.id.serial
    (need,) = (n for n in needs(insert(bare, holder), away.now) if n.critical)
    assert "spare" not in need.text_args
    # No key of its own is proposed on it: that would make it a second original.
    assert "unknown_token" not in {n.kind for n in needs(insert(bare, holder, second), away.now)}
    assert "unknown_token" in {n.kind for n in needs(insert(bare, second), away.now)}


@pytest.mark.parametrize(
    "change",
    [
        {"key_specs": ("rsa2048",)},
        {"user_pin_initialized": False},
        {"certificates": (HeldCertificate("01", "x", "e" * 64),)},  # somebody else's
        {"certificates": (HeldCertificate("01", "x", "a" * 64),)},  # the original's twin
    ],
)
def test_what_would_not_do_is_not_offered(
    change: dict[str, Any], away: State, token: TokenSeen, second: TokenSeen
) -> None:
    holder = replace(token, public_keys=P256)
    offered = at_hand(insert(away, holder, replace(second, **change)))
    assert [one for one in offered if one.id == second.id] == []


def test_nothing_is_offered_without_the_original_at_work(
    away: State,
    token: TokenSeen,
    second: TokenSeen,
    original: CertificateRecord,
    spare: BackupRecord,
) -> None:
    holder = replace(token, public_keys=P256)
    assert at_hand(insert(away, second)) == ()
    assert at_hand(insert(away, token, second)) == ()  # of what kind its key is, is not shown
    held = replace(original, state=CertificateState.SUSPENDED)
    for certificates in ({}, {"OP1": held}):
        state = replace(away, certificates=certificates)
        assert at_hand(insert(state, holder, second)) == ()
    assert at_hand(insert(with_backups(away, spare), holder, second)) == ()  # it carries one


# --- carried ----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", BackupState)
def test_what_a_spare_carries(
    state: BackupState, away: State, second: TokenSeen, spare: BackupRecord
) -> None:
    """Usable, dead, or neither: restored, or never registered."""
    backup = replace(spare, state=state)
    world = insert(with_backups(away, backup), second)
    usable = state in {
        BackupState.REGISTERED,
        BackupState.REQUESTED,
        BackupState.APPROVED,
        BackupState.COLLECTED,
    }
    assert carried_by(world, second.id) == (backup if usable else None)
    assert carried_by(world, TokenId("Acme", "T1", "0009")) is None
    shows = replace(second, public_keys=(HeldKey("07", "ec", 256),))
    dead = state in {BackupState.RETIRED, BackupState.LOCKED}
    assert dead_on(world, shows) == ((backup,) if dead else ())
    assert dead_on(world, second) == ()  # the key is not there any more
    assert ("spare_key_dead" in [n.kind for n in needs(insert(world, shows), away.now)]) is dead


def test_a_key_that_was_certified_and_lives_is_not_dead(
    away: State, second: TokenSeen, spare: BackupRecord, original: CertificateRecord
) -> None:
    """Made void by its owner after it was collected: its certificate is still active."""
    shows = replace(second, public_keys=(HeldKey("07", "ec", 256),))
    backup = replace(spare, state=BackupState.RETIRED, successor_sha256="e" * 64)
    living = replace(original, id_operazione="OP2", fingerprint_sha256="e" * 64)
    world = replace(with_backups(away, backup), certificates={"OP2": living})
    assert dead_on(world, shows) == ()
    ended = replace(living, state=CertificateState.CANCELLED)
    assert dead_on(replace(world, certificates={"OP2": ended}), shows) == (backup,)


def test_where_a_backup_lies(away: State, backup: BackupRecord, spare: BackupRecord) -> None:
    assert (on_token(backup), on_token(spare)) == (False, True)
    assert label_of(away, TokenId("Acme", "T1", "0001")) == "My token"
    assert label_of(away, spare.token) is None
    assert label_of(away, None) is None


@pytest.mark.parametrize("state", [BackupState.APPROVED, BackupState.COLLECTED])
def test_one_command_goes_on_with_it(
    state: BackupState, away: State, second: TokenSeen, spare: BackupRecord
) -> None:
    world = insert(with_backups(away, replace(spare, state=state)), second)
    (need,) = (n for n in needs(world, away.now) if n.subject == spare.backup_id)
    assert need.text_args == {"what": "spare.activate", "backup_id": spare.backup_id}
    assert (need.token, need.label) == (second.id, "Second")
    elsewhere = with_backups(away, replace(spare, state=state, token=None))
    (need,) = (n for n in needs(elsewhere, away.now) if n.subject == spare.backup_id)
    assert (need.token, need.label) == (None, "")


# --- what happens to it -----------------------------------------------------------------------


def known(state: State, token: TokenSeen) -> KnownToken | None:
    return state.known.get(token.id)


def test_saved_the_token_is_a_spare_until_the_backup_is_over(
    away: State, second: TokenSeen, spare: BackupRecord
) -> None:
    state = insert(with_backups(away), second)
    state, commands = step(state, ev.BackupSaved(spare, away.now))
    assert known(state, second) == KnownToken(second.id, "Second", True, spare.backup_id)
    assert recognise(second, state) is TokenState.SPARE
    told = [c for c in commands if isinstance(c, do.Announce) and c.name == "spare_saved"]
    assert [c.data["serial"] for c in told] == [second.id.serial]
    row = replace(spare, token=None, key_id=None)  # as the authority tells it
    for over in (BackupState.RETIRED, BackupState.LOCKED, BackupState.RESTORED):
        after, _ = step(state, ev.BackupsListed((replace(row, state=over),), away.now))
        assert known(after, second) == KnownToken(second.id, "Second", True)
        assert after.backups[spare.backup_id].token == second.id  # the key lies there still
        assert recognise(second, after) is TokenState.RECOGNISED


def test_saved_when_it_was_over_already(
    away: State, second: TokenSeen, spare: BackupRecord
) -> None:
    """A registration that is heard of only after a crash, and after the original was renewed."""
    state = insert(with_backups(away), second)
    state, _ = step(state, ev.BackupSaved(replace(spare, state=BackupState.RETIRED), away.now))
    assert known(state, second) is None
    assert state.backups[spare.backup_id].token == second.id


def test_another_spare_stays_one(away: State, second: TokenSeen, spare: BackupRecord) -> None:
    state = insert(with_backups(away), second)
    state, _ = step(state, ev.BackupSaved(spare, away.now))
    other = replace(spare, backup_id="6" * 32, state=BackupState.RETIRED, token=None)
    state, _ = step(state, ev.BackupsListed((other,), away.now))
    assert recognise(second, state) is TokenState.SPARE


def test_activated_it_is_the_primary_and_no_spare(
    away: State, second: TokenSeen, spare: BackupRecord
) -> None:
    state = insert(with_backups(away), second)
    state, _ = step(state, ev.BackupSaved(spare, away.now))
    restored = ev.BackupRestored(spare.backup_id, "e" * 64, second.id, "07", away.now)
    state, _ = step(state, restored)
    assert recognise(second, state) is TokenState.PRIMARY
    assert known(state, second) == KnownToken(second.id, "Second", adopted=True)


def test_cleared_the_token_may_serve_again(
    away: State, second: TokenSeen, spare: BackupRecord
) -> None:
    shows = replace(second, public_keys=(HeldKey("07", "ec", 256),))
    void = replace(spare, state=BackupState.RETIRED)
    state = insert(with_backups(away, void), shows)
    after, commands = step(state, ev.SpareCleared(void.backup_id, second.id, away.now))
    assert dead_on(after, shows) == ()
    assert do.ReadTokens("soft") in commands
    assert after.backups[void.backup_id] == replace(void, token=None, key_id=None)
    again, _ = step(after, ev.BackupsListed((replace(void, token=None, key_id=None),), away.now))
    assert again.backups == after.backups
    for other in (
        ev.SpareCleared("6" * 32, second.id, away.now),
        ev.SpareCleared(void.backup_id, TokenId("Acme", "T1", "0009"), away.now),
    ):
        unchanged, _ = step(state, other)
        assert unchanged.backups == state.backups


def test_the_authoritys_word_keeps_what_only_we_know(spare: BackupRecord) -> None:
    row = replace(spare, token=None, key_id=None, state=BackupState.REQUESTED)
    kept = merged(spare, row)
    assert (kept.state, kept.token, kept.key_id) == (BackupState.REQUESTED, spare.token, "07")
    old = replace(spare, successor_key_sha256=None)
    assert merged(old, row).successor_key_sha256 == "7" * 64
    assert merged(spare, replace(row, successor_key_sha256=None)).successor_key_sha256 == "7" * 64
