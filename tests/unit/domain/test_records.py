"""`step`, for certificates and backups: from request to restored."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from custode.domain import commands as do
from custode.domain import events as ev
from custode.domain.machine import step
from custode.domain.model import (
    BackupRecord,
    CertificateRecord,
    HeldCertificate,
    State,
    TokenId,
    TokenSeen,
)
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


# --- certificates -----------------------------------------------------------------------------


@pytest.fixture
def row(original: CertificateRecord) -> CertificateRecord:
    """As the authority sends the first request: nothing of ours in it."""
    return replace(original, token=None, key_id=None, installed=False)


def test_from_request_to_installed(here: State, token: TokenSeen, row: CertificateRecord) -> None:
    assert here.identity is not None
    blank = replace(token, certificates=())
    state = replace(
        here, certificates={}, backups={}, identity=replace(here.identity, primary=None)
    )
    state, _ = run(state, ev.TokensListed("soft", (blank,), here.now))
    generating = replace(
        row,
        state=CertificateState.GENERATING,
        fingerprint_sha256=None,
        token=token.id,
        key_id="01",
    )
    state, commands = run(state, ev.CertificateRequested(generating, here.now))
    assert audited(commands) == ["certificate_state", "certificate_requested"]
    state, commands = run(state, ev.OperationsListed((row,), here.now))
    assert do.InstallWaiting("OP1", token.id) in commands
    assert state.certificates["OP1"].token == token.id
    assert [c.need.kind.value for c in commands if isinstance(c, do.ShowPrompt)] == [
        "install_certificate"
    ]
    state, commands = run(state, ev.CertificateInstalled("OP1", token.id, "01", here.now))
    assert state.identity is not None
    assert state.identity.primary == token.id  # the first one
    assert audited(commands) == ["token_promoted", "certificate_installed"]
    assert do.ReadTokens("soft") in commands
    assert [c.need.kind.value for c in commands if isinstance(c, do.ShowPrompt)] == [
        "backup_missing"
    ]
    state, commands = run(state, ev.TokensListed("soft", (token,), here.now))
    assert state.certificates["OP1"].installed
    assert announced(commands) == ["token_changed"]


def test_a_waiting_certificate_meets_its_token(
    away: State, token: TokenSeen, original: CertificateRecord
) -> None:
    blank = replace(token, certificates=())
    waiting = replace(away, certificates={"OP1": replace(original, installed=False)})
    _, commands = run(waiting, ev.TokensListed("soft", (blank,), away.now))
    assert do.InstallWaiting("OP1", token.id) in commands


def test_a_second_token_does_not_become_the_primary_by_itself(
    here: State, empty: TokenSeen, original: CertificateRecord
) -> None:
    second = replace(
        original, id_operazione="OP2", fingerprint_sha256="e" * 64, installed=False, token=None
    )
    state = replace(here, certificates={"OP1": original, "OP2": second})
    installed = ev.CertificateInstalled("OP2", empty.id, "02", here.now)
    state, _ = run(state, installed)
    assert state.identity == here.identity
    assert state.certificates["OP2"].token == empty.id
    ended = replace(original, state=CertificateState.CANCELLED)
    state = replace(here, certificates={"OP1": ended, "OP2": second})
    state, _ = run(state, installed)
    assert state.identity is not None
    assert state.identity.primary == empty.id  # the former one carries nothing in use
    nobody, _ = run(replace(state, identity=None), installed)
    assert nobody.identity is None


def test_a_certificate_of_an_unknown_request(away: State, token: TokenSeen) -> None:
    _, commands = run(away, ev.CertificateInstalled("OP9", token.id, "01", away.now))
    assert commands == [
        do.AppendAudit("certificate_installed", {"id_operazione": "OP9", "serial": "0001"}),
        do.QueryOperations(),
    ]


def test_where_a_certificate_lies_is_read_from_the_token(
    away: State, token: TokenSeen, row: CertificateRecord
) -> None:
    """After the loss of the database: list and token say it together, in either order."""
    bare = replace(away, certificates={}, known={})
    listing, rows = (
        ev.TokensListed("soft", (token,), away.now),
        ev.OperationsListed((row,), away.now),
    )
    for order in ((listing, rows), (rows, listing)):
        state, _ = run(bare, *order)
        record = state.certificates["OP1"]
        assert (record.token, record.key_id, record.installed) == (token.id, "01", True)
        assert recognise(token, state).value == "primary"
    state, _ = run(bare, rows, listing)
    assert state.known[token.id].label == "My token"


def test_a_token_that_lost_its_certificate(here: State, token: TokenSeen) -> None:
    blank = replace(token, certificates=())
    state, commands = run(here, ev.TokensListed("soft", (blank,), here.now))
    record = state.certificates["OP1"]
    assert not record.installed
    assert do.SaveCertificate(record) in commands
    # A copy of it on another token does not move the record while the first one stands.
    copy = replace(token, id=TokenId("Acme", "T1", "0009"))
    state, _ = run(here, ev.TokensListed("card", (copy,), here.now))
    assert state.certificates["OP1"].token == token.id
    assert state.gate_shut  # but both are the original


def test_another_token_says_nothing_about_it(away: State, empty: TokenSeen) -> None:
    state, commands = run(away, ev.TokensListed("soft", (empty,), away.now))
    assert state.certificates == away.certificates
    assert not any(isinstance(c, do.SaveCertificate) for c in commands)


def test_a_request_without_a_token(away: State, row: CertificateRecord) -> None:
    new = replace(row, id_operazione="OP2", state=CertificateState.REQUESTED)
    state, commands = run(away, ev.CertificateRequested(new, away.now))
    assert not any(isinstance(c, do.SaveToken) for c in commands)
    assert state.certificates["OP2"] == new


def test_status(away: State, original: CertificateRecord) -> None:
    held = ev.StatusAnswered(
        "a" * 64,
        CertificateState.SUSPENDED,
        away.now,
        away.now,
        crl_reason=CrlReason.CERTIFICATE_HOLD,
        changed_at=away.now,
    )
    state, commands = run(away, held)
    record = state.certificates["OP1"]
    assert (record.state, record.said_at) == (CertificateState.SUSPENDED, away.now)
    assert record.cancelled_at is None
    assert announced(commands) == audited(commands) == ["certificate_state"]
    ended = replace(held, state=CertificateState.CANCELLED, crl_reason=CrlReason.KEY_COMPROMISE)
    state, _ = run(state, ended)
    record = state.certificates["OP1"]
    assert (record.crl_reason, record.cancelled_at) == (CrlReason.KEY_COMPROMISE, away.now)
    # A final word is never taken back, but its reason may be raised.
    state, _ = run(state, replace(held, state=CertificateState.ACTIVE))
    assert state.certificates["OP1"].state is CertificateState.CANCELLED
    for unheard in (replace(held, state=None), replace(held, fingerprint_sha256="f" * 64)):
        same, commands = run(away, unheard)
        assert same == away
        assert announced(commands) == ["certificate_status"]


def test_the_same_word_again_changes_nothing(away: State, original: CertificateRecord) -> None:
    assert run(away, ev.OperationsListed((original,), away.now)) == (away, [])
    again = replace(original, said_at=away.now)
    _, commands = run(away, ev.OperationsListed((again,), away.now))
    assert commands == [do.SaveCertificate(again)]  # only its age


# --- backups ----------------------------------------------------------------------------------


def test_a_backup_takes_the_red_notice_down(here: State, backup: BackupRecord) -> None:
    state, commands = run(replace(here, backups={}, gate_shut=False), ev.ClockTicked(here.now))
    assert [c.need.kind.value for c in commands if isinstance(c, do.ShowPrompt)] == [
        "backup_missing"
    ]
    state, commands = run(state, ev.BackupSaved(backup, here.now))
    assert isinstance(commands[0], do.CloseGate)
    assert audited(commands) == ["backup_state", "backup_saved"]
    assert commands[-1] == do.TakeDownPrompt("backup_missing:" + "a" * 64)
    retired = replace(backup, state=BackupState.RETIRED, folder_name=None)
    state, commands = run(state, ev.BackupsListed((retired,), here.now))
    assert audited(commands) == ["backup_state"]
    assert state.backups[backup.backup_id].folder_name == backup.folder_name
    assert run(state, ev.BackupsListed((retired,), here.now)) == (state, [])


def test_restored(
    away: State,
    empty: TokenSeen,
    original: CertificateRecord,
    backup: BackupRecord,
    token: TokenSeen,
) -> None:
    """Step 6 to 8 of the demo: activated, restored onto a new token, the old one comes back."""
    ended = replace(original, state=CertificateState.CANCELLED)
    successor = replace(
        original, id_operazione="OP2", fingerprint_sha256="e" * 64, token=None, installed=False
    )
    collected = replace(backup, state=BackupState.COLLECTED, successor_sha256="e" * 64)
    state, _ = run(
        away,
        ev.BackupsListed((collected,), away.now),
        ev.OperationsListed((ended, successor), away.now),
        ev.TokensListed("soft", (empty,), away.now),
    )
    restored = ev.BackupRestored(backup.backup_id, "e" * 64, empty.id, "05", away.now)
    state, commands = run(state, restored)
    assert state.identity is not None
    assert state.identity.primary == empty.id
    assert state.backups[backup.backup_id].state is BackupState.RESTORED
    record = state.certificates["OP2"]
    assert (record.token, record.key_id, record.installed) == (empty.id, "05", True)
    assert audited(commands) == ["backup_state", "token_promoted", "backup_restored"]
    assert do.QueryOperations() in commands
    assert do.ReadTokens("soft") in commands
    assert "backup_missing" in [c.need.kind.value for c in commands if isinstance(c, do.ShowPrompt)]
    held = replace(empty, certificates=(HeldCertificate("05", "s", "e" * 64),))
    state, commands = run(state, ev.TokensListed("soft", (held, token), away.now))
    assert "retired_token_came_back" in audited(commands)
    assert isinstance(commands[0], do.CloseGate)


def test_restored_before_anything_was_listed(away: State, empty: TokenSeen) -> None:
    bare = replace(away, backups={})
    restored = ev.BackupRestored("f" * 32, "e" * 64, empty.id, "05", away.now)
    state, commands = run(bare, restored)
    assert state.backups == {}
    assert do.QueryBackups() in commands
