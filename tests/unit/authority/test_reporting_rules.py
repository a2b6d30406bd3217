import pytest

from custode_authority.domain.reporting import REPORTS, Effect, effect
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
