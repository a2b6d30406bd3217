"""What refuses which step, and in which order: every state of a backup and of its original."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from custode_authority.escrow import decisions as d
from custode_authority.wire.problems import ProblemCode as P
from custode_authority.wire.reasons import CrlReason
from custode_authority.wire.states import BackupKind, BackupPlace, BackupState, CertificateState

B, C = BackupState, CertificateState
ENDED = (C.SUSPENDED, C.EXPIRED, C.CANCELLED)
LIVING = tuple(state for state in C if state not in ENDED)
GATED = (d.ACTIVATION, d.APPROVAL, d.COLLECTION)
FINE = d.Facts(state=B.APPROVED, original=C.SUSPENDED, successor=C.ACTIVE)

# what each step answers for a backup in each state, its original ended, everything else in order
ANSWERS = {
    "activation": (
        d.ACTIVATION,
        {
            B.RESERVED: P.BACKUP_STATE,
            B.REGISTERED: None,
            B.REQUESTED: None,
            B.APPROVED: None,
            B.COLLECTED: P.ALREADY_ACTIVATED,
            B.RESTORED: P.ALREADY_ACTIVATED,
            B.LOCKED: P.BACKUP_LOCKED,
            B.RETIRED: P.BACKUP_RETIRED,
        },
    ),
    "approval": (
        d.APPROVAL,
        {
            B.RESERVED: P.BACKUP_STATE,
            B.REGISTERED: P.BACKUP_STATE,
            B.REQUESTED: None,
            B.APPROVED: P.BACKUP_STATE,
            B.COLLECTED: P.ALREADY_ACTIVATED,
            B.RESTORED: P.ALREADY_ACTIVATED,
            B.LOCKED: P.BACKUP_LOCKED,
            B.RETIRED: P.BACKUP_RETIRED,
        },
    ),
    "collection": (
        d.COLLECTION,
        {
            B.RESERVED: P.BACKUP_STATE,
            B.REGISTERED: P.NOT_APPROVED,
            B.REQUESTED: P.NOT_APPROVED,
            B.APPROVED: None,
            B.COLLECTED: None,
            B.RESTORED: P.ALREADY_ACTIVATED,
            B.LOCKED: P.BACKUP_LOCKED,
            B.RETIRED: P.BACKUP_RETIRED,
        },
    ),
    "restoration": (
        d.RESTORATION,
        {
            B.RESERVED: P.BACKUP_STATE,
            B.REGISTERED: P.BACKUP_STATE,
            B.REQUESTED: P.BACKUP_STATE,
            B.APPROVED: P.BACKUP_STATE,
            B.COLLECTED: None,
            B.RESTORED: None,
            B.LOCKED: P.BACKUP_LOCKED,
            B.RETIRED: P.BACKUP_RETIRED,
        },
    ),
    "retirement": (d.RETIREMENT, dict.fromkeys(B) | {B.RESTORED: P.BACKUP_STATE}),
}


@pytest.mark.parametrize(
    ("step", "state", "original"), list(itertools.product(ANSWERS, BackupState, ENDED))
)
def test_step_by_state(step: str, state: BackupState, original: CertificateState) -> None:
    rules, answers = ANSWERS[step]
    assert d.refusal(rules, replace(FINE, state=state, original=original)) is answers[state]


@pytest.mark.parametrize(
    ("rules", "state", "original"),
    list(itertools.product(GATED, BackupState, LIVING)),
)
def test_nothing_goes_on_while_the_original_lives(
    rules: tuple[d.Rule, ...], state: BackupState, original: CertificateState
) -> None:
    facts = d.Facts(
        state=state, original=original, ceased=True, tries_taken=5, same_container=False
    )
    assert d.refusal(rules, facts) is P.ORIGINAL_ACTIVE


@pytest.mark.parametrize(
    ("rules", "changes", "expected"),
    [
        (d.ACTIVATION, {"ceased": True}, P.IDENTITY_CEASED),
        (
            d.ACTIVATION,
            {"original": C.CANCELLED, "original_reason": CrlReason.CESSATION_OF_OPERATION},
            P.IDENTITY_CEASED,
        ),
        (d.ACTIVATION, {"tries_taken": 4}, None),
        (d.ACTIVATION, {"tries_taken": 5}, P.BACKUP_LOCKED),
        (d.ACTIVATION, {"same_container": False}, P.CONTAINER_MISMATCH),
        (d.ACTIVATION, {"reason_fits": False}, P.REASON_NOT_ALLOWED),
        (d.APPROVAL, {"ceased": True, "state": B.REQUESTED}, P.IDENTITY_CEASED),
        (d.APPROVAL, {"tries_taken": 5, "state": B.REQUESTED}, P.BACKUP_LOCKED),
        (d.COLLECTION, {"ceased": True}, P.IDENTITY_CEASED),
        (d.COLLECTION, {"tries_taken": 5}, P.BACKUP_LOCKED),
        (d.COLLECTION, {"same_container": False}, P.CONTAINER_MISMATCH),
        (d.ACTIVATION, {"place_fits": False, "same_container": False}, P.BACKUP_PLACE),
        (d.ACTIVATION, {"place_fits": False, "state": B.RETIRED}, P.BACKUP_RETIRED),
        (d.COLLECTION, {"place_fits": False, "same_container": False}, P.BACKUP_PLACE),
        (d.COLLECTION, {"place_fits": False, "state": B.REQUESTED}, P.NOT_APPROVED),
        (d.COLLECTION, {"approval_over": True}, P.APPROVAL_EXPIRED),
        (d.COLLECTION, {"approval_over": True, "state": B.COLLECTED}, None),
        (d.COLLECTION, {"successor": None}, None),
        (d.COLLECTION, {"successor": None, "state": B.COLLECTED}, P.NOT_ACTIVE),
        (d.COLLECTION, {"successor": C.SUSPENDED, "state": B.COLLECTED}, P.NOT_ACTIVE),
        (d.RESTORATION, {"successor": C.CANCELLED, "state": B.COLLECTED}, P.NOT_ACTIVE),
        (d.RESTORATION, {"successor": None, "state": B.RESTORED}, P.NOT_ACTIVE),
        *((rules, {"clock_back": True}, P.ORIGINAL_ACTIVE) for rules in GATED),
    ],
)
def test_single_fact(
    rules: tuple[d.Rule, ...], changes: dict[str, object], expected: P | None
) -> None:
    assert d.refusal(rules, replace(FINE, **changes)) is expected  # type: ignore[arg-type]  # a table of changes


@pytest.mark.parametrize(
    ("state", "original"), list(itertools.product(BackupState, CertificateState))
)
def test_confirmation_needs_a_reservation_and_an_active_original(
    state: BackupState, original: CertificateState
) -> None:
    answer = d.refusal(d.CONFIRMATION, d.Facts(state=state, original=original))
    if state is B.RETIRED:
        assert answer is P.BACKUP_RETIRED
    elif state is not B.RESERVED:
        assert answer is P.BACKUP_STATE
    elif original is not C.ACTIVE:
        assert answer is P.NOT_ACTIVE
    else:
        assert answer is None


def test_no_backup_of_what_was_renewed() -> None:
    facts = d.Facts(state=B.RESERVED, original=C.ACTIVE, renewed=True)
    assert d.refusal(d.CONFIRMATION, facts) is P.ORIGINAL_RENEWED
    for kind in BackupKind:
        asked = d.ReserveFacts(kind, C.ACTIVE, renewed=True)
        assert d.reserve_refusal(asked) is P.ORIGINAL_RENEWED
    over = d.ReserveFacts(BackupKind.SUCCESSOR, C.CANCELLED, renewed=True)
    assert d.reserve_refusal(over) is P.NOT_ACTIVE


def test_confirmation_is_of_the_place_that_was_reserved() -> None:
    facts = d.Facts(state=B.RESERVED, original=C.ACTIVE, place_fits=False)
    assert d.refusal(d.CONFIRMATION, facts) is P.BACKUP_PLACE
    assert d.refusal(d.CONFIRMATION, replace(facts, state=B.REGISTERED)) is P.BACKUP_STATE


def test_confirmation_of_a_ceased_identity() -> None:
    facts = d.Facts(state=B.RESERVED, original=C.ACTIVE, ceased=True)
    assert d.refusal(d.CONFIRMATION, facts) is P.IDENTITY_CEASED


@pytest.mark.parametrize(
    ("kind", "original", "ceased"),
    list(itertools.product(BackupKind, CertificateState, (False, True))),
)
def test_reserve(kind: BackupKind, original: CertificateState, ceased: bool) -> None:
    answer = d.reserve_refusal(d.ReserveFacts(kind, original, ceased))
    if ceased:
        assert answer is P.IDENTITY_CEASED
    elif original is not C.ACTIVE:
        assert answer is P.NOT_ACTIVE
    else:
        assert answer is None


def test_a_copy_lies_in_a_folder_only() -> None:
    asked = d.ReserveFacts(BackupKind.COPY, C.ACTIVE, place=BackupPlace.TOKEN)
    assert d.reserve_refusal(asked) is P.BACKUP_PLACE
    assert d.reserve_refusal(replace(asked, kind=BackupKind.SUCCESSOR)) is None


@pytest.mark.parametrize("rules", GATED)
def test_a_copy_of_a_key_out_of_hand_is_refused_before_the_pin(rules: tuple[d.Rule, ...]) -> None:
    for state in BackupState:
        facts = d.Facts(state=state, original=C.SUSPENDED, copy_fits=False, tries_taken=5)
        assert d.refusal(rules, facts) is P.COPY_REFUSED
        assert d.refusal(rules, replace(facts, original=C.ACTIVE)) is P.ORIGINAL_ACTIVE
