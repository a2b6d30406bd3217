from datetime import UTC, date, datetime

import pytest

from custode_authority.domain.reporting import REPORTS, Effect, day_in_rome, effect, end_of
from custode_authority.wire.reasons import REASONS, CrlReason, Reason
from custode_authority.wire.states import CertificateState

S, E = CertificateState, Effect
HOLD, SUPERSEDED, COMPROMISE = (
    CrlReason.CERTIFICATE_HOLD,
    CrlReason.SUPERSEDED,
    CrlReason.KEY_COMPROMISE,
)


def test_the_table_agrees_with_the_reasons() -> None:
    assert {reason for reason, row in REASONS.items() if row.reportable} == set(REPORTS)
    assert all(REASONS[reason].holds == row.suspends for reason, row in REPORTS.items())


@pytest.mark.parametrize(
    ("reason", "state", "recorded", "destroyed", "expected"),
    [
        (Reason.LOST, S.ACTIVE, None, False, E.SUSPEND),
        (Reason.LOST, S.SUSPENDED, HOLD, False, E.NONE),
        (Reason.LOST, S.CANCELLED, SUPERSEDED, False, E.COMPROMISE),
        (Reason.LOST, S.CANCELLED, SUPERSEDED, True, E.NONE),
        (Reason.LOST, S.CANCELLED, COMPROMISE, False, E.NONE),
        (Reason.LOST, S.EXPIRED, None, False, E.COMPROMISE_KEY),
        (Reason.LOST, S.EXPIRED, None, True, E.NONE),
        (Reason.THEFT, S.ACTIVE, None, False, E.COMPROMISE),
        (Reason.THEFT, S.ACTIVE, None, True, E.COMPROMISE),
        (Reason.THEFT, S.SUSPENDED, HOLD, False, E.COMPROMISE),
        (Reason.THEFT, S.CANCELLED, CrlReason.UNSPECIFIED, False, E.COMPROMISE),
        (Reason.THEFT, S.CANCELLED, COMPROMISE, False, E.NONE),
        (Reason.THEFT, S.EXPIRED, None, False, E.COMPROMISE_KEY),
        (Reason.MALFUNCTION, S.ACTIVE, None, False, E.SUSPEND),
        (Reason.MALFUNCTION, S.SUSPENDED, HOLD, False, E.NONE),
        (Reason.MALFUNCTION, S.CANCELLED, SUPERSEDED, False, E.NONE),
        (Reason.MALFUNCTION, S.EXPIRED, None, False, E.NONE),
        (Reason.THEFT, S.GENERATING, None, False, E.NONE),
    ],
)
def test_effects(
    reason: Reason,
    state: CertificateState,
    recorded: CrlReason | None,
    destroyed: bool,
    expected: Effect,
) -> None:
    assert effect(reason, state, recorded, destroyed_for_certain=destroyed) is expected


@pytest.mark.parametrize(
    ("day", "end"),
    [
        (date(2026, 1, 31), datetime(2026, 1, 31, 23, tzinfo=UTC)),  # winter: UTC+1
        (date(2026, 7, 1), datetime(2026, 7, 1, 22, tzinfo=UTC)),  # summer: UTC+2
        (date(2026, 3, 29), datetime(2026, 3, 29, 22, tzinfo=UTC)),  # the day the clocks change
    ],
)
def test_days_end_in_rome(day: date, end: datetime) -> None:
    assert end_of(day) == end
    assert day_in_rome(end) > day
