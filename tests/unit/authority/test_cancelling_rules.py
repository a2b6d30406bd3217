from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custode_authority.domain.cancelling import CANCELLABLE, Held, plan
from custode_authority.errors import Refused
from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.reasons import REASONS, CrlReason, Reason
from custode_authority.wire.states import CertificateState

S = CertificateState
DAY = datetime(2026, 1, 1, tzinfo=UTC)


def _held(*states: CertificateState) -> list[Held]:
    without = {S.REQUESTED, S.GENERATING, S.REJECTED}
    return [
        Held(f"op{n}", state, None if state in without else DAY + timedelta(days=n))
        for n, state in enumerate(states)
    ]


def _code(held: list[Held], asked: list[str], reason: Reason = Reason.OTHER) -> Refused:
    with pytest.raises(Refused) as refused:
        plan(held, asked, reason, first_spent=False)
    return refused.value


@pytest.mark.parametrize("state", [state for state in S if state not in CANCELLABLE])
def test_each_other_state_is_its_own_error(state: CertificateState) -> None:
    refused = _code(_held(state), ["op0"])
    assert refused.code is ProblemCode.NOT_ACTIVE
    assert refused.data == {"id_operazione": "op0", "state": state.value}


def test_what_cannot_be_asked() -> None:
    assert _code(_held(S.EXPIRED), []).code is ProblemCode.NOTHING_TO_CANCEL
    assert _code([], []).code is ProblemCode.NOTHING_TO_CANCEL
    assert _code(_held(S.ACTIVE), []).code is ProblemCode.MALFORMED
    assert _code(_held(S.ACTIVE), ["op0", "op0"]).code is ProblemCode.MALFORMED
    assert _code(_held(S.ACTIVE), ["op7"]).code is ProblemCode.NOT_FOUND


def test_the_first_takes_in_all_that_is_active() -> None:
    held = _held(S.ACTIVE, S.CANCELLED, S.ACTIVE, S.GENERATING, S.SUSPENDED)
    planned = plan(held, ["op2"], Reason.OTHER, first_spent=False)
    assert planned.cumulative
    assert [name for name, _ in planned.covered] == ["op0", "op2"]


def test_the_first_is_cumulative_even_of_one() -> None:
    assert plan(_held(S.ACTIVE), ["op0"], Reason.OTHER, first_spent=False).cumulative


def test_a_suspended_one_is_covered_when_it_is_named() -> None:
    planned = plan(_held(S.SUSPENDED, S.ACTIVE), ["op0"], Reason.OTHER, first_spent=False)
    assert [name for name, _ in planned.covered] == ["op0", "op1"]


def test_a_later_one_covers_exactly_what_is_named() -> None:
    planned = plan(_held(S.ACTIVE, S.ACTIVE), ["op1"], Reason.OTHER, first_spent=True)
    assert not planned.cumulative
    assert [name for name, _ in planned.covered] == ["op1"]


@pytest.mark.parametrize("reason", [one for one in Reason if one is not Reason.RENEWAL])
def test_compromise_is_recorded_for_the_named_only(reason: Reason) -> None:
    planned = plan(_held(S.ACTIVE, S.ACTIVE), ["op1"], reason, first_spent=False)
    final = REASONS[reason].final
    taken_along = CrlReason.UNSPECIFIED if final is CrlReason.KEY_COMPROMISE else final
    assert planned.covered == (("op0", taken_along), ("op1", final))


def test_renewal_covers_the_old_one_and_spends_nothing() -> None:
    planned = plan(_held(S.ACTIVE, S.ACTIVE), ["op0"], Reason.RENEWAL, first_spent=False)
    assert not planned.cumulative
    assert planned.covered == (("op0", CrlReason.SUPERSEDED),)


@pytest.mark.parametrize(
    ("states", "asked"),
    [
        ((S.ACTIVE,), "op0"),  # nothing newer
        ((S.ACTIVE, S.ACTIVE), "op1"),  # the other one is older
        ((S.ACTIVE, S.GENERATING), "op0"),  # the new one is not there yet
        ((S.ACTIVE, S.SUSPENDED), "op0"),
    ],
)
def test_no_renewal_before_the_new_one_is_active(
    states: tuple[CertificateState, ...], asked: str
) -> None:
    refused = _code(_held(*states), [asked], Reason.RENEWAL)
    assert refused.code is ProblemCode.REASON_NOT_ALLOWED


@given(st.lists(st.sampled_from(S), max_size=6), st.booleans(), st.sampled_from(Reason), st.data())
def test_only_what_can_be_cancelled_is_ever_covered(
    states: list[CertificateState], first_spent: bool, reason: Reason, data: st.DataObject
) -> None:
    held = _held(*states)
    names = [row.id_operazione for row in held]
    asked = data.draw(st.lists(st.sampled_from(names), unique=True)) if names else []
    try:
        planned = plan(held, asked, reason, first_spent=first_spent)
    except Refused:
        return
    covered = {name for name, _ in planned.covered}
    state_of = {row.id_operazione: row.state for row in held}
    assert set(asked) <= covered
    assert all(state_of[name] in CANCELLABLE for name in covered)
    assert planned.cumulative or covered == set(asked)
    assert not (planned.cumulative and first_spent)
