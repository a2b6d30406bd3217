"""How an activation ends its original: which reasons may be given, and what the CRL says. Pure.

RFC 5280 §5.3.1; a recorded reason is only ever raised, never lowered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from custode_authority.wire.reasons import REASONS, CrlReason, Reason, may_raise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# How bad it is, for the reasons an activation takes: those that can be reported.
_SEVERITY: Final[Mapping[Reason, int]] = {
    Reason.MALFUNCTION: 0,
    Reason.LOST: 1,
    Reason.THEFT: 2,
}


class Reported(NamedTuple):
    """What was said when the loss, theft or fault was reported."""

    reason: Reason
    destroyed_for_certain: bool


def gravest(reports: Iterable[tuple[Reason, bool]]) -> Reported | None:
    """Return the gravest of an original's reports; of two losses, the one not surely destroyed."""
    counted = [Reported(*report) for report in reports if report[0] in _SEVERITY]
    return max(
        counted,
        key=lambda one: (_SEVERITY[one.reason], not one.destroyed_for_certain),
        default=None,
    )


def reason_fits(reported: Reported | None, earlier: Reason | None, asked: Reason) -> bool:
    """Whether an activation may give `asked` as its reason.

    Only reasons that can be reported, and none milder than the report or than what was `earlier`
    asked for the same activation; a graver one raises it. Without either, each of the three fits.
    """
    if asked not in _SEVERITY:
        return False
    floor = [reported.reason] if reported else []
    floor += [earlier] if earlier else []
    return all(_SEVERITY[asked] >= _SEVERITY[reason] for reason in floor)


def final_reason(
    asked: Reason, *, reported: Reported | None, recorded: CrlReason | None
) -> CrlReason:
    """Return the reason the original is cancelled with, for good.

    Superseded instead of keyCompromise only where the report itself said that the lost key was
    surely destroyed, and the activation does not claim worse than that report.
    """
    ours = REASONS[asked].final
    if asked is Reason.LOST and reported == Reported(Reason.LOST, destroyed_for_certain=True):
        ours = CrlReason.SUPERSEDED
    if recorded is None or may_raise(recorded, ours):
        return ours
    return recorded
