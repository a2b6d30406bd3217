"""What needs the person, in which order."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from custode.domain.model import (
    Authority,
    BackupRecord,
    CertificateRecord,
    HeldCertificate,
    HeldKey,
    Insertion,
    KnownToken,
    Module,
    PinFlags,
    State,
    TokenId,
    TokenSeen,
    WaitingOperation,
)
from custode.domain.need import Need, NeedKind
from custode.domain.needs import needs
from custode_authority.wire.reasons import CrlReason, Reason
from custode_authority.wire.states import BackupState, CertificateState


def kinds(state: State) -> list[str]:
    return [need.kind.value for need in needs(state, state.now)]


def insert(state: State, *tokens: TokenSeen, first: int = 1) -> State:
    stays = tuple(Insertion(first + n, t, state.now) for n, t in enumerate(tokens))
    return replace(state, modules={"soft": Module("soft", insertions=stays)})


def with_record(state: State, record: CertificateRecord) -> State:
    return replace(state, certificates={**state.certificates, record.id_operazione: record})


def test_all_is_well(here: State, away: State) -> None:
    assert kinds(here) == kinds(away) == []


def test_no_identity(away: State) -> None:
    fresh = State(now=away.now)
    assert kinds(fresh) == ["identity_missing"]


def test_token_without_pin(away: State, empty: TokenSeen) -> None:
    new = replace(empty, user_pin_initialized=False)
    assert kinds(insert(away, new)) == ["pin_not_set"]
    foreign = replace(new, certificates=(HeldCertificate("1", "x", "e" * 64),))
    assert kinds(insert(away, foreign)) == []


def test_unknown_token(away: State, empty: TokenSeen) -> None:
    assert kinds(insert(away, empty)) == ["unknown_token"]
    assert kinds(insert(replace(away, identity=None), empty)) == ["identity_missing"]
    known = {empty.id: KnownToken(empty.id, "x", adopted=True)}
    assert kinds(insert(replace(away, known=known), empty)) == []


@pytest.mark.parametrize(
    "state", [BackupState.REQUESTED, BackupState.APPROVED, BackupState.COLLECTED]
)
def test_no_key_is_made_on_a_token_that_a_backup_waits_for(
    away: State, backup: BackupRecord, empty: TokenSeen, state: BackupState
) -> None:
    waiting = replace(away, backups={backup.backup_id: replace(backup, state=state)})
    assert "unknown_token" not in kinds(insert(waiting, empty))


def test_one_token_seen_through_two_modules_is_one_need(away: State, empty: TokenSeen) -> None:
    two = {
        "soft": Module("soft", insertions=(Insertion(1, empty, away.now),)),
        "proxy": Module("proxy", insertions=(Insertion(2, empty, away.now),)),
    }
    assert kinds(replace(away, modules=two)) == ["unknown_token"]


@pytest.mark.parametrize(
    ("role", "spoilt"),
    [("user", {"user_pin": PinFlags(final_try=True)}), ("so", {"so_pin": PinFlags(True, True)})],
)
def test_last_pin_attempt(here: State, token: TokenSeen, role: str, spoilt: Any) -> None:
    found = needs(insert(here, replace(token, **spoilt)), here.now)
    args = {"role": role, "serial": "0001"}
    assert [(n.kind.value, n.text_args) for n in found] == [("last_pin_attempt", args)]
    assert [n.critical for n in found] == [True]
    foreign = replace(token, certificates=(HeldCertificate("1", "x", "e" * 64),), **spoilt)
    unknown = replace(foreign, id=TokenId("Acme", "T1", "0009"))
    assert kinds(insert(here, unknown)) == []


LAST, LOCKED, FIRST = (
    PinFlags(final_try=True),
    PinFlags(locked=True),
    PinFlags(to_be_changed=True),
)


@pytest.mark.parametrize(
    ("user", "so", "expected"),
    [
        (LOCKED, PinFlags(), [("pin_locked", "user")]),
        (PinFlags(), LOCKED, []),  # nobody can help a locked SO PIN
        (FIRST, PinFlags(), [("pin_to_be_changed", "user")]),
        (PinFlags(), FIRST, [("pin_to_be_changed", "so")]),
        (replace(FIRST, locked=True), replace(FIRST, locked=True), [("pin_locked", "user")]),
        (replace(FIRST, final_try=True), LAST, [("last_pin_attempt", r) for r in ("so", "user")]),
        (LOCKED, LAST, [("last_pin_attempt", "so"), ("pin_locked", "user")]),
    ],
)
def test_what_a_pin_needs(
    here: State, token: TokenSeen, user: PinFlags, so: PinFlags, expected: list[tuple[str, str]]
) -> None:
    state = insert(here, replace(token, user_pin=user, so_pin=so))
    found = [(n.kind.value, n.text_args["role"]) for n in needs(state, state.now)]
    assert found == expected


def test_a_pin_that_is_not_set_is_only_that(away: State, empty: TokenSeen) -> None:
    for flags in (FIRST, LOCKED):
        blank = replace(empty, user_pin_initialized=False, user_pin=flags)
        assert kinds(insert(away, blank)) == ["pin_not_set"]


def test_certificate_arrived(away: State, here: State, original: CertificateRecord) -> None:
    waiting = replace(original, installed=False)
    state = with_record(away, waiting)
    (need,) = needs(state, state.now)
    assert need.kind is NeedKind.INSTALL_CERTIFICATE
    assert (need.token, need.label, need.on_insertion) == (original.token, "My token", True)
    assert kinds(with_record(here, waiting)) == ["install_certificate"]
    homeless = with_record(away, replace(waiting, token=None))
    assert [(n.label, n.on_insertion) for n in needs(homeless, away.now)] == [("", False)]
    lost = with_record(away, replace(waiting, token=TokenId("Acme", "T1", "0009")))
    assert [n.label for n in needs(lost, away.now)] == [""]
    for state_ in set(CertificateState) - {CertificateState.ACTIVE}:
        assert "install_certificate" not in kinds(with_record(away, replace(waiting, state=state_)))
    assert kinds(with_record(away, replace(waiting, fingerprint_sha256=None))) == []


def test_a_successor_is_restored_not_installed(
    away: State, original: CertificateRecord, backup: BackupRecord
) -> None:
    successor = replace(
        original, id_operazione="OP2", fingerprint_sha256="e" * 64, token=None, installed=False
    )
    collected = replace(backup, state=BackupState.COLLECTED, successor_sha256="e" * 64)
    ended = replace(original, state=CertificateState.CANCELLED)
    state = replace(
        away,
        certificates={"OP1": ended, "OP2": successor},
        backups={backup.backup_id: collected},
    )
    assert [(n.kind.value, n.text_args["what"]) for n in needs(state, state.now)] == [
        ("operation_can_go_on", "backup.restore")
    ]


@pytest.mark.parametrize("state", BackupState)
def test_the_red_notice(state: BackupState, away: State, backup: BackupRecord) -> None:
    """Only a confirmed registration takes it down (backup.md)."""
    world = replace(away, backups={backup.backup_id: replace(backup, state=state)})
    missing = "backup_missing" in kinds(world)
    assert missing is (state.value not in {"registered", "requested", "approved"})


def test_the_red_notice_is_for_what_is_in_use(away: State, original: CertificateRecord) -> None:
    bare = replace(away, backups={})
    assert kinds(bare) == ["backup_missing"]
    assert needs(bare, bare.now)[0].critical
    for state in (CertificateState.SUSPENDED, CertificateState.CANCELLED):
        assert kinds(with_record(bare, replace(original, state=state))) == []
    assert away.identity is not None
    assert kinds(replace(bare, identity=replace(away.identity, ceased=True))) == []


@pytest.mark.parametrize(
    ("days", "step"),
    [
        (31, None),
        (30, "30"),
        (15, "30"),
        (14, "14"),
        (8, "14"),
        (7, "7"),
        (4, "7"),
        (3, "3"),
        (2, "3"),
        (1, "1"),
        (0, "0"),
        (-1, "after"),
        (-400, "after"),
    ],
)
def test_expiry(days: int, step: str | None, away: State, original: CertificateRecord) -> None:
    expires_at = away.now + timedelta(days=days, hours=1)
    state = with_record(away, replace(original, expires_at=expires_at))
    found = [n for n in needs(state, state.now) if n.kind is NeedKind.EXPIRY]
    assert [n.subject for n in found] == ([f"OP1:{step}"] if step else [])
    for need in found:
        assert need.text_args["days_left"] == days
        assert not need.on_insertion  # a token in a drawer expires as well
        assert need.label == "My token"


def test_what_does_not_expire(away: State, original: CertificateRecord) -> None:
    soon = replace(original, expires_at=away.now + timedelta(days=1))
    held = replace(soon, state=CertificateState.SUSPENDED)
    assert kinds(with_record(away, held)) == []
    assert kinds(with_record(away, replace(original, expires_at=None))) == []


def test_cancelled_original_came_back(
    here: State, away: State, original: CertificateRecord
) -> None:
    stolen = replace(
        original, state=CertificateState.CANCELLED, crl_reason=CrlReason.KEY_COMPROMISE
    )
    assert kinds(with_record(here, stolen)) == ["cancelled_original_back"]
    assert kinds(with_record(away, stolen)) == []


def test_operations_that_can_go_on(away: State, here: State, token: TokenSeen) -> None:
    free = WaitingOperation("J1", "install", None)
    bound = WaitingOperation("J2", "install", token.id)
    state = replace(away, waiting={"J1": free, "J2": bound})
    assert [n.subject for n in needs(state, state.now)] == ["J1"]
    state = replace(here, waiting={"J1": free, "J2": bound})
    assert [(n.subject, n.on_insertion) for n in needs(state, state.now)] == [
        ("J1", False),
        ("J2", True),
    ]


def test_an_approved_backup_can_be_collected(away: State, backup: BackupRecord) -> None:
    approved = replace(backup, state=BackupState.APPROVED, folder_name=None)
    state = replace(away, backups={backup.backup_id: approved})
    (need,) = needs(state, state.now)
    assert need.text_args == {"what": "backup.collect", "folder_name": "", "folder": ""}
    (reported,) = (replace(c, reported=Reason.LOST) for c in away.certificates.values())
    (need,) = needs(replace(state, certificates={"OP1": reported}), state.now)
    assert need.text_args["reason"] == "lost"


def test_recovery_export(away: State) -> None:
    embedded = replace(away, authority=Authority(embedded=True))
    assert kinds(embedded) == ["recovery_export_missing"]
    assert kinds(replace(embedded, backups={}))[0] == "backup_missing"
    assert "recovery_export_missing" not in kinds(replace(embedded, backups={}))
    made = Authority(embedded=True, recovery_export_at=away.now)
    assert kinds(replace(away, authority=made)) == []


def test_the_most_urgent_stands_first(
    away: State,
    token: TokenSeen,
    empty: TokenSeen,
    original: CertificateRecord,
    backup: BackupRecord,
) -> None:
    blank = replace(empty, id=TokenId("Acme", "T1", "0003"), user_pin_initialized=False)
    last = replace(token, user_pin=PinFlags(final_try=True))
    old = replace(
        original,
        id_operazione="OP0",
        state=CertificateState.CANCELLED,
        fingerprint_sha256="9" * 64,
        installed=False,
    )
    found = TokenSeen(
        TokenId("Acme", "T1", "0000"),
        "Old",
        "soft",
        certificates=(HeldCertificate("01", "c", "9" * 64),),
    )
    soon = replace(original, expires_at=away.now + timedelta(days=3))
    locked = replace(empty, id=TokenId("Acme", "T1", "0004"), user_pin=LOCKED)
    first = replace(empty, id=TokenId("Acme", "T1", "0005"), user_pin=FIRST)
    new = replace(original, id_operazione="OP2", fingerprint_sha256="e" * 64, installed=False)
    before = original.requested_at - timedelta(days=1)
    bare = replace(original, id_operazione="OP3", fingerprint_sha256="8" * 64, requested_at=before)
    void = replace(
        backup, backup_id="d" * 32, state=BackupState.RETIRED, token=empty.id, key_id="07"
    )
    spare = replace(empty, public_keys=(HeldKey("07", "ec", 256),))
    unknown = replace(empty, id=TokenId("Acme", "T1", "0006"))
    state = replace(
        away,
        certificates={r.id_operazione: r for r in (soon, new, old, bare)},
        backups={**away.backups, void.backup_id: void},
        authority=Authority(embedded=True),
        waiting={"J1": WaitingOperation("J1", "install")},
    )
    state = insert(state, spare, last, blank, found, locked, first, unknown)
    assert list(dict.fromkeys(kinds(state))) == [
        kind.value for kind in NeedKind if kind.value != "identity_missing"
    ]


def test_the_most_urgent_comes_first() -> None:
    """domain.md, "Prompts"; what the list there does not name stands between."""
    listed = [
        *("last_pin_attempt", "cancelled_original_back", "install_certificate"),
        *("backup_missing", "recovery_export_missing", "expiry"),
        *("operation_can_go_on", "unknown_token"),
    ]
    assert [kind.value for kind in NeedKind if kind.value in listed] == listed


def test_keys_are_stable() -> None:
    assert Need(NeedKind.EXPIRY, "OP1:30").key == "expiry:OP1:30"
    assert not Need(NeedKind.UNKNOWN_TOKEN).critical
