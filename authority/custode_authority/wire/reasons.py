"""The six reasons (*motivazione*) and what each means on a CRL (RFC 5280 §5.3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Reason(StrEnum):
    """Why a certificate is cancelled or a loss reported; values are those of the command line."""

    LOST = "lost"
    CEASED = "ceased"
    THEFT = "theft"
    RENEWAL = "renewal"
    MALFUNCTION = "malfunction"
    OTHER = "other"


class CrlReason(StrEnum):
    """The CRLReason names of RFC 5280 §5.3.1 that are ever used here."""

    UNSPECIFIED = "unspecified"  # 0: never encoded, the extension is left out instead
    KEY_COMPROMISE = "keyCompromise"  # 1
    SUPERSEDED = "superseded"  # 4
    CESSATION_OF_OPERATION = "cessationOfOperation"  # 5
    CERTIFICATE_HOLD = "certificateHold"  # 6


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """One row of the table of reasons.

    `italian` stands on the agency's page word for word; `final` is the reason of the final
    cancellation; `reportable` says whether `report` takes it; `holds` whether the report
    suspends (True) or cancels at once (False).
    """

    italian: str
    english: str
    final: CrlReason
    reportable: bool
    holds: bool


REASONS: Final[Mapping[Reason, ReasonRow]] = {
    Reason.LOST: ReasonRow(
        "Chiave primaria smarrita", "Primary key lost", CrlReason.KEY_COMPROMISE, True, True
    ),
    Reason.CEASED: ReasonRow(
        "Attività cessata", "Activity ceased", CrlReason.CESSATION_OF_OPERATION, False, False
    ),
    Reason.THEFT: ReasonRow(
        "Furto certificato", "Certificate stolen", CrlReason.KEY_COMPROMISE, True, False
    ),
    Reason.RENEWAL: ReasonRow(
        "Rinnovo scadenza", "Renewal at expiry", CrlReason.SUPERSEDED, False, False
    ),
    Reason.MALFUNCTION: ReasonRow(
        "Malfunzionamento", "Malfunction", CrlReason.SUPERSEDED, True, True
    ),
    Reason.OTHER: ReasonRow("Altro", "Other", CrlReason.UNSPECIFIED, False, False),
}

# A final reason may only be raised: hold < every final reason < keyCompromise.
_RANK: Final[Mapping[CrlReason, int]] = {
    CrlReason.CERTIFICATE_HOLD: 0,
    CrlReason.UNSPECIFIED: 1,
    CrlReason.SUPERSEDED: 1,
    CrlReason.CESSATION_OF_OPERATION: 1,
    CrlReason.KEY_COMPROMISE: 2,
}


def may_raise(old: CrlReason, new: CrlReason) -> bool:
    """Whether a recorded reason may be replaced: only ever upwards, never lowered."""
    return _RANK[new] > _RANK[old]
