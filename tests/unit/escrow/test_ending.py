"""Which reason may end an original at activation: every pair of report and request."""

from __future__ import annotations

import itertools
from typing import Final

import pytest

from custode_authority.escrow.ending import Reported, final_reason, gravest, reason_fits
from custode_authority.wire.reasons import CrlReason, Reason, may_raise

HOLD, SUPERSEDED = CrlReason.CERTIFICATE_HOLD, CrlReason.SUPERSEDED
COMPROMISE, CEASED = CrlReason.KEY_COMPROMISE, CrlReason.CESSATION_OF_OPERATION
LOST, THEFT, MALFUNCTION = Reason.LOST, Reason.THEFT, Reason.MALFUNCTION

# said before → the reasons an activation may then give
FITS: Final[dict[Reason | None, set[Reason]]] = {
    None: {LOST, THEFT, MALFUNCTION},
    MALFUNCTION: {LOST, THEFT, MALFUNCTION},
    LOST: {LOST, THEFT},
    THEFT: {THEFT},
}
SAID: Final = list(FITS)


@pytest.mark.parametrize(
    ("reason", "earlier", "asked"), list(itertools.product(SAID, SAID, Reason))
)
def test_reason_may_only_be_raised(
    reason: Reason | None, earlier: Reason | None, asked: Reason
) -> None:
    report = Reported(reason, destroyed_for_certain=False) if reason else None
    assert reason_fits(report, earlier, asked) is (asked in FITS[reason] & FITS[earlier])


@pytest.mark.parametrize(
    ("asked", "report", "recorded", "expected"),
    [
        (LOST, (LOST, False), HOLD, COMPROMISE),
        (LOST, (LOST, True), HOLD, SUPERSEDED),
        (THEFT, (LOST, True), HOLD, COMPROMISE),
        (THEFT, (THEFT, False), COMPROMISE, COMPROMISE),
        (MALFUNCTION, (MALFUNCTION, False), HOLD, SUPERSEDED),
        (LOST, (MALFUNCTION, False), HOLD, COMPROMISE),
        # "destroyed" was said of a fault, not of this loss: it softens nothing
        (LOST, (MALFUNCTION, True), HOLD, COMPROMISE),
        (LOST, None, None, COMPROMISE),
        (MALFUNCTION, None, None, SUPERSEDED),
        # never lowered
        (MALFUNCTION, None, COMPROMISE, COMPROMISE),
        (LOST, (LOST, True), COMPROMISE, COMPROMISE),
        (MALFUNCTION, None, CEASED, CEASED),
        (LOST, None, SUPERSEDED, COMPROMISE),
    ],
)
def test_final_reason(
    asked: Reason,
    report: tuple[Reason, bool] | None,
    recorded: CrlReason | None,
    expected: CrlReason,
) -> None:
    reported = Reported(*report) if report else None
    assert final_reason(asked, reported=reported, recorded=recorded) is expected


@pytest.mark.parametrize(
    ("asked", "reason", "destroyed", "recorded"),
    list(
        itertools.product(
            (LOST, THEFT, MALFUNCTION), (None, *Reason), (False, True), (None, *CrlReason)
        )
    ),
)
def test_final_reason_is_final_and_never_lower(
    asked: Reason, reason: Reason | None, destroyed: bool, recorded: CrlReason | None
) -> None:
    reported = Reported(reason, destroyed) if reason else None
    ours = final_reason(asked, reported=reported, recorded=recorded)
    assert ours is not HOLD
    assert recorded is None or not may_raise(ours, recorded)


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([], None),
        ([(Reason.OTHER, False)], None),
        ([(MALFUNCTION, False), (LOST, True)], (LOST, True)),
        ([(LOST, True), (MALFUNCTION, False)], (LOST, True)),
        # a later word softens nothing
        ([(LOST, True), (LOST, False)], (LOST, False)),
        ([(LOST, False), (LOST, True)], (LOST, False)),
        ([(THEFT, False), (LOST, True)], (THEFT, False)),
    ],
)
def test_gravest(reports: list[tuple[Reason, bool]], expected: tuple[Reason, bool] | None) -> None:
    assert gravest(reports) == expected
