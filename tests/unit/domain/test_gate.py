"""The table of domain.md, fact by fact, and what may never be allowed."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custode.domain.gate import (
    Answer,
    GateCode,
    GateFacts,
    Grant,
    Purpose,
    Remedy,
    facts_for,
    verdict,
)
from custode.domain.model import (
    AuthorityStatus,
    BackupRecord,
    CertificateRecord,
    Identity,
    Insertion,
    Module,
    Source,
    State,
    TokenId,
    TokenSeen,
)
from custode.domain.standing import local_reasons, standing, standing_of
from custode_authority.wire.states import BackupState, CertificateState

ORIGINAL = "a" * 64
FREE = TokenSeen(TokenId("Acme", "T1", "0001"), "My token", "soft")
FIXED = replace(FREE, removable=False)


def said(state: str | None, source: Source = Source.FRESH) -> AuthorityStatus:
    known = CertificateState(state) if state else None
    return AuthorityStatus(ORIGINAL, known, None, source)


# Everything as it must be, for each purpose; every row below spoils one fact of it.
GOOD = {
    Purpose.ACTIVATE: GateFacts(
        Purpose.ACTIVATE, said("suspended"), backup=BackupState.REGISTERED, backup_fresh=True
    ),
    Purpose.OPEN: GateFacts(
        Purpose.OPEN,
        said("cancelled"),
        backup=BackupState.COLLECTED,
        backup_fresh=True,
        successor=CertificateState.ACTIVE,
    ),
    Purpose.RESTORE: GateFacts(
        Purpose.RESTORE, said("cancelled"), backup=BackupState.COLLECTED, backup_fresh=True
    ),
}

REMEMBERED = Source.REMEMBERED
ALL = tuple(Purpose)
USE = (Purpose.OPEN, Purpose.RESTORE)
# (for which purposes, the fact that is different, the code it gives or None, its remedy)
ROWS: list[tuple[tuple[Purpose, ...], dict[str, Any], str | None, str]] = [
    (ALL, {}, None, ""),
    (ALL, {"originals_here": (FREE,)}, "original_present", "remove_token"),
    (ALL, {"originals_here": (FIXED,)}, None, ""),
    (ALL, {"not_identified": ("soft",)}, "token_not_identified", "wait"),
    (ALL, {"unreadable": ("soft",)}, "token_unreadable", "remove_token"),
    (ALL, {"unseen": ("soft",)}, "readers_unseen", "start_readers"),
    (ALL, {"status": said("active")}, "original_active", "report"),
    (USE, {"status": said("suspended")}, "original_suspended", "go_on_with_activation"),
    (ALL, {"status": said("expired")}, None, ""),
    (ALL, {"status": said("cancelled")}, None, ""),
    (ALL, {"status": said("requested")}, "status_unknown", "reach_authority"),
    (ALL, {"status": said("generating")}, "status_unknown", "reach_authority"),
    (ALL, {"status": said("rejected")}, "status_unknown", "reach_authority"),
    (ALL, {"status": said(None)}, "status_unknown", "reach_authority"),
    (ALL, {"status": said(None, REMEMBERED)}, "status_unknown", "reach_authority"),
    (ALL, {"status": said("active", REMEMBERED)}, "status_unknown", "reach_authority"),
    (ALL, {"status": said("suspended", REMEMBERED)}, "status_unknown", "reach_authority"),
    (ALL, {"status": said("expired", REMEMBERED)}, "status_unknown", "reach_authority"),
    (ALL, {"status": said("cancelled", REMEMBERED)}, None, ""),
    (ALL, {"ceased": True}, "identity_ceased", "nothing"),
    (ALL, {"mismatch": ("backup",)}, "grant_for_another", "nothing"),
    (ALL, {"backup": None}, "backup_unknown", "reach_authority"),
    (ALL, {"backup_fresh": False}, "backup_unknown", "reach_authority"),
    (ALL, {"backup": BackupState.RESERVED}, "no_grant", "create_backup"),
    (USE, {"backup": BackupState.REGISTERED}, "no_grant", "request_activation"),
    (USE, {"backup": BackupState.REQUESTED}, "no_grant", "wait_for_approval"),
    (USE, {"backup": BackupState.APPROVED}, "no_grant", "collect"),
    ((Purpose.ACTIVATE,), {"backup": BackupState.REQUESTED}, None, ""),
    ((Purpose.ACTIVATE,), {"backup": BackupState.APPROVED}, None, ""),
    ((Purpose.ACTIVATE,), {"backup": BackupState.COLLECTED}, None, ""),
    (ALL, {"backup": BackupState.LOCKED}, "backup_locked", "reissue"),
    (ALL, {"backup": BackupState.RETIRED}, "backup_retired", "nothing"),
    (ALL, {"backup": BackupState.RESTORED}, "backup_restored", "nothing"),
    ((Purpose.OPEN,), {"successor": None}, "successor_not_active", "reach_authority"),
    *[
        ((Purpose.OPEN,), {"successor": state}, "successor_not_active", "reissue")
        for state in CertificateState
        if state is not CertificateState.ACTIVE
    ],
    ((Purpose.RESTORE, Purpose.ACTIVATE), {"successor": CertificateState.CANCELLED}, None, ""),
]


@pytest.mark.parametrize(
    ("purpose", "fact", "code", "remedy"),
    [(p, fact, code, remedy) for purposes, fact, code, remedy in ROWS for p in purposes],
)
def test_one_fact(purpose: Purpose, fact: dict[str, Any], code: str | None, remedy: str) -> None:
    judged = verdict(replace(GOOD[purpose], **fact))
    assert judged.allowed is (code is None)
    assert [(r.code.value, r.remedy.value) for r in judged.reasons] == (
        [(code, remedy)] if code else []
    )


def test_every_code_of_a_verdict_is_in_the_table() -> None:
    assert {row[2] for row in ROWS} - {None} == set(GateCode) - {
        GateCode.NO_BACKUP,  # of `standing`
    }


@pytest.mark.parametrize("state", ["active", "suspended", "expired", "cancelled"])
@pytest.mark.parametrize("purpose", Purpose)
def test_a_fixed_original_blocks_until_it_is_cancelled(purpose: Purpose, state: str) -> None:
    facts = replace(GOOD[purpose], originals_here=(FIXED,), status=said(state))
    codes = {r.code: r.remedy for r in verdict(facts).reasons}
    # What was reported on a TPM must be collectable: only collecting it cancels the original.
    reported = purpose is Purpose.ACTIVATE and state == "suspended"
    assert (GateCode.ORIGINAL_PRESENT in codes) is not (reported or state == "cancelled")
    assert codes.get(GateCode.ORIGINAL_PRESENT, Remedy.REPORT) is Remedy.REPORT


def test_every_reason_is_named() -> None:
    facts = replace(
        GOOD[Purpose.OPEN],
        originals_here=(FREE,),
        not_identified=("soft", "card"),
        status=said("active"),
        backup=BackupState.REGISTERED,
        ceased=True,
    )
    assert [r.code.value for r in verdict(facts).reasons] == [
        "original_present",
        "token_not_identified",
        "token_not_identified",
        "original_active",
        "identity_ceased",
        "no_grant",
    ]


FACTS = st.builds(
    GateFacts,
    purpose=st.sampled_from(Purpose),
    status=st.builds(
        AuthorityStatus,
        st.just(ORIGINAL),
        st.none() | st.sampled_from(CertificateState),
        st.none(),
        st.sampled_from(Source),
    ),
    originals_here=st.lists(st.sampled_from([FREE, FIXED]), max_size=2).map(tuple),
    not_identified=st.sampled_from([(), ("soft",)]),
    unreadable=st.sampled_from([(), ("soft",)]),
    backup=st.none() | st.sampled_from(BackupState),
    backup_fresh=st.booleans(),
    mismatch=st.sampled_from([(), ("original",)]),
    ceased=st.booleans(),
    successor=st.none() | st.sampled_from(CertificateState),
)
BLOCKS = {None, CertificateState.ACTIVE}


@given(FACTS)
def test_never_allowed(facts: GateFacts) -> None:
    judged = verdict(facts)
    assert judged.allowed is (not judged.reasons)
    if not judged.allowed:
        return
    assert FREE not in facts.originals_here
    assert facts.not_identified == facts.unreadable == facts.mismatch == ()
    assert not facts.ceased
    assert facts.status.state not in BLOCKS
    assert facts.backup_fresh
    assert facts.status.source is Source.FRESH or facts.status.state is CertificateState.CANCELLED
    if facts.purpose is not Purpose.ACTIVATE:
        assert facts.backup is BackupState.COLLECTED
        assert facts.status.state is not CertificateState.SUSPENDED
    if facts.purpose is Purpose.OPEN:
        assert facts.successor is CertificateState.ACTIVE


# --- the facts from the state -----------------------------------------------------------------


def ask(state: State, purpose: Purpose = Purpose.OPEN, **kwargs: Any) -> list[str]:
    named = {"backup_id": "b" * 32, "original_sha256": ORIGINAL, **kwargs}
    return [r.code.value for r in verdict(facts_for(state, purpose, **named)).reasons]


@pytest.fixture
def granted(away: State, backup: BackupRecord) -> State:
    return replace(away, backups={backup.backup_id: replace(backup, state=BackupState.COLLECTED)})


@pytest.fixture
def yes(now: datetime) -> Answer:
    return Answer(now, CertificateState.CANCELLED, CertificateState.ACTIVE, BackupState.COLLECTED)


def test_allowed_by_a_fresh_answer_only(granted: State, yes: Answer) -> None:
    assert ask(granted, answer=yes) == []
    assert ask(granted) == ["status_unknown", "backup_unknown", "successor_not_active"]
    assert ask(granted, answer=replace(yes, original=None)) == ["status_unknown"]
    assert ask(granted, answer=replace(yes, backup=None)) == ["backup_unknown"]
    assert ask(granted, answer=replace(yes, successor=None)) == ["successor_not_active"]
    assert ask(granted, answer=replace(yes, ceased=True)) == ["identity_ceased"]


def test_an_end_that_has_not_come_by_the_authoritys_own_clock(
    granted: State, original: CertificateRecord, yes: Answer
) -> None:
    """A clock that went back: the certificate is on no CRL, and valid to everybody else."""
    assert original.expires_at is not None
    over = replace(yes, original=CertificateState.EXPIRED, at=original.expires_at)
    assert ask(granted, answer=over) == []
    early = replace(over, at=original.expires_at - timedelta(seconds=1))
    for purpose in Purpose:
        assert "status_unknown" in ask(granted, purpose, answer=early)


def test_a_certificate_nobody_has_told_here_of_is_judged_by_the_answers_own_date(
    granted: State, yes: Answer, original: CertificateRecord
) -> None:
    assert original.expires_at is not None
    unknown = replace(granted, certificates={})
    over = replace(yes, original=CertificateState.EXPIRED, expires_at=original.expires_at)
    assert ask(unknown, answer=replace(over, at=original.expires_at)) == []
    early = replace(over, at=original.expires_at - timedelta(seconds=1))
    assert ask(unknown, answer=early) == ["status_unknown"]


def test_a_backup_nobody_knows(away: State, yes: Answer) -> None:
    stranger: dict[str, Any] = {"backup_id": "f" * 32, "original_sha256": "f" * 64}
    assert ask(away, **stranger) == ["status_unknown", "backup_unknown"]
    assert ask(away, answer=yes, **stranger) == []


@pytest.mark.parametrize("source", ["label", "fingerprint"])
def test_present_is_who_carries_the_certificate(
    granted: State, token: TokenSeen, yes: Answer, source: str
) -> None:
    """The same key under another certificate is not the original (domain.md, "Token")."""
    held = replace(token.certificates[0], fingerprint_sha256="d" * 64)
    seen = token if source == "fingerprint" else replace(token, certificates=(held,))
    module = Module("soft", insertions=(Insertion(1, seen, granted.now),))
    state = replace(granted, modules={"soft": module})
    assert ask(state, answer=yes) == (["original_present"] if source == "fingerprint" else [])


def test_modules_block_while_pending_but_not_for_having_failed(granted: State, yes: Answer) -> None:
    def state(**kwargs: Any) -> State:
        return replace(granted, modules={"soft": Module("soft", **kwargs)})

    assert ask(state(pending=True), answer=yes) == ["token_not_identified"]
    assert ask(state(failure="crashed"), answer=yes) == []  # it had shown no token
    assert ask(state(failure="crashed", unreadable=True), answer=yes) == ["token_unreadable"]
    assert ask(replace(granted, started=False), answer=yes) == ["token_not_identified"]


@pytest.mark.parametrize("ended", [BackupState.RESTORED, BackupState.RETIRED, BackupState.LOCKED])
def test_a_remembered_end_stands_against_a_rolled_back_authority(
    granted: State, backup: BackupRecord, yes: Answer, ended: BackupState
) -> None:
    state = replace(granted, backups={backup.backup_id: replace(backup, state=ended)})
    assert ask(state, answer=yes) == [f"backup_{ended}"]


def test_a_remembered_cancellation_does_not_outweigh_a_fresh_word(
    granted: State, original: CertificateRecord, yes: Answer
) -> None:
    ended = replace(original, state=CertificateState.CANCELLED)
    state = replace(granted, certificates={"OP1": ended})
    assert ask(state, Purpose.RESTORE) == ["backup_unknown"]
    assert ask(state, answer=replace(yes, original=CertificateState.ACTIVE)) == ["original_active"]
    assert ask(state, answer=replace(yes, original=None)) == ["status_unknown"]


@pytest.mark.parametrize(
    ("grant", "differs"),
    [
        (Grant("b" * 32, ORIGINAL, "c" * 64), None),
        (Grant("e" * 32, ORIGINAL, "c" * 64), "backup"),
        (Grant("b" * 32, "e" * 64, "c" * 64), "original"),
        (Grant("b" * 32, ORIGINAL, "e" * 64), "container"),
        (Grant("e" * 32, "e" * 64, "e" * 64), "original, backup, container"),
    ],
)
def test_a_grant_for_another(
    granted: State, yes: Answer, grant: Grant, differs: str | None
) -> None:
    facts = facts_for(
        granted,
        Purpose.RESTORE,
        backup_id="b" * 32,
        original_sha256=ORIGINAL,
        answer=yes,
        grant=grant,
    )
    reasons = verdict(facts).reasons
    found = {name for r in reasons for name in r.text_args["differs"].split(", ")}
    assert found == (set(differs.split(", ")) if differs else set())


def test_a_grant_is_also_judged_without_a_record(away: State, yes: Answer) -> None:
    grant = Grant("f" * 32, "f" * 64, "f" * 64)
    named: dict[str, Any] = {"backup_id": "f" * 32, "original_sha256": "f" * 64, "grant": grant}
    assert ask(away, answer=yes, **named) == []
    assert ask(away, answer=yes, **{**named, "backup_id": "e" * 32}) == ["grant_for_another"]


def test_a_manifest_that_names_another_original(here: State, yes: Answer) -> None:
    """Both are looked for in the readers: naming another one hides nothing."""
    assert ask(here, original_sha256="f" * 64, answer=yes) == [
        "original_present",
        "grant_for_another",
    ]


def test_a_ceased_identity(granted: State, identity: Identity, yes: Answer) -> None:
    state = replace(granted, identity=replace(identity, ceased=True))
    assert ask(state, answer=yes) == ["identity_ceased"]
    assert ask(replace(state, identity=None), answer=yes) == []


def test_the_age_of_the_word_is_shown(away: State, original: CertificateRecord) -> None:
    facts = facts_for(away, Purpose.OPEN, backup_id="b" * 32, original_sha256=ORIGINAL)
    reason = verdict(facts).reasons[0]
    assert reason.text_args == {"state": "active", "said_at": original.said_at.isoformat()}


# --- without asking ---------------------------------------------------------------------------


def test_local_reasons(here: State, away: State, token: TokenSeen) -> None:
    assert local_reasons(away) == ()
    reasons = local_reasons(here)
    assert [(r.code.value, r.text_args) for r in reasons] == [
        ("original_present", {"label": "My token", "serial": "0001"})
    ]
    assert local_reasons(replace(here, backups={})) == ()  # nothing to block
    fixed = Module("soft", insertions=(Insertion(1, replace(token, removable=False), here.now),))
    state = replace(here, modules={"soft": fixed})
    assert [r.remedy.value for r in local_reasons(state)] == ["report"]
    cancelled = replace(here.certificates["OP1"], state=CertificateState.CANCELLED)
    assert local_reasons(replace(state, certificates={"OP1": cancelled})) == ()


def test_standing(here: State, away: State, backup: BackupRecord) -> None:
    def codes(state: State) -> list[str]:
        judged = standing(state)
        assert not judged.allowed
        return [r.code.value for r in judged.reasons]

    assert codes(here) == ["original_present", "original_active", "no_grant"]
    assert codes(replace(here, backups={})) == ["no_backup"]
    newer = replace(backup, backup_id="c" * 32, created_at=away.now, original_sha256="e" * 64)
    both = {backup.backup_id: backup, newer.backup_id: newer}
    assert codes(replace(away, backups=both)) == ["status_unknown", "no_grant"]
    retired = replace(newer, state=BackupState.RETIRED)
    one = {backup.backup_id: backup, newer.backup_id: retired}
    assert codes(replace(away, backups=one)) == ["original_active", "no_grant"]
    judged = standing_of(away, Purpose.ACTIVATE, backup.backup_id, backup.original_sha256)
    assert [r.code.value for r in judged.reasons] == ["original_active", "backup_unknown"]


@given(state=st.sampled_from(BackupState), status=st.sampled_from(CertificateState))
def test_what_is_remembered_never_opens(state: BackupState, status: CertificateState) -> None:
    for purpose, fresh in product(Purpose, [False]):
        facts = GateFacts(purpose, said(status, REMEMBERED), backup=state, backup_fresh=fresh)
        assert not verdict(facts).allowed


@pytest.mark.parametrize("why", [None, "by its owner"])
def test_what_retired_a_backup_is_named(away: State, backup: BackupRecord, why: str | None) -> None:
    retired = replace(backup, state=BackupState.RETIRED, retired_why=why)
    state = replace(away, backups={backup.backup_id: retired})
    named: Any = {"backup_id": backup.backup_id, "original_sha256": backup.original_sha256}
    facts = facts_for(state, Purpose.OPEN, **named)
    (reason,) = [r for r in verdict(facts).reasons if r.code is GateCode.BACKUP_RETIRED]
    assert reason.text_args == ({"why": why} if why else {})
