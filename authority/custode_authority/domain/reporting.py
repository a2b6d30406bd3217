"""What a report of a loss, theft or fault does at once (domain.md, Reasons). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from custode_authority.wire.reasons import CrlReason, Reason, may_raise
from custode_authority.wire.states import CertificateState

if TYPE_CHECKING:
    from collections.abc import Mapping


class Effect(StrEnum):
    """What happens to the certificate."""

    NONE = "none"
    SUSPEND = "suspend"
    COMPROMISE = "compromise"  # cancelled, or raised to, keyCompromise
    COMPROMISE_KEY = "compromise_key"  # it is over already; its key is not to be certified again


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One row of the table of reports.

    `out_of_hand`: somebody else may have the token, so what it signed since it was last held is
    undone: late backups are retired, pending requests rejected.
    """

    suspends: bool
    out_of_hand: bool


REPORTS: Final[Mapping[Reason, ReportRow]] = {
    Reason.LOST: ReportRow(suspends=True, out_of_hand=True),
    Reason.THEFT: ReportRow(suspends=False, out_of_hand=True),
    Reason.MALFUNCTION: ReportRow(suspends=True, out_of_hand=False),
}


def effect(
    reason: Reason,
    state: CertificateState,
    crl_reason: CrlReason | None,
    *,
    destroyed_for_certain: bool,
) -> Effect:
    """Return what a report does to a certificate in that state; reporting twice does no harm."""
    row = REPORTS[reason]
    compromised = row.out_of_hand and not (reason is Reason.LOST and destroyed_for_certain)
    match state:
        case CertificateState.ACTIVE:
            return Effect.SUSPEND if row.suspends else Effect.COMPROMISE
        case CertificateState.SUSPENDED:
            return Effect.NONE if row.suspends else Effect.COMPROMISE
        case CertificateState.CANCELLED:
            raised = crl_reason is None or may_raise(crl_reason, CrlReason.KEY_COMPROMISE)
            return Effect.COMPROMISE if compromised and raised else Effect.NONE
        case CertificateState.EXPIRED:
            return Effect.COMPROMISE_KEY if compromised else Effect.NONE
        case _:
            return Effect.NONE
