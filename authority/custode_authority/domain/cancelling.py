"""What a cancellation takes in (domain.md, rules 1 and 2). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from custode_authority.errors import Refused
from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.reasons import REASONS, CrlReason, Reason
from custode_authority.wire.states import CertificateState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

# Rule 1; suspended is our extension of the agency's "only ATTIVATO".
CANCELLABLE: Final = frozenset({CertificateState.ACTIVE, CertificateState.SUSPENDED})


@dataclass(frozen=True, slots=True)
class Held:
    """One operation of the person's; `issued_at` is None while there is no certificate."""

    id_operazione: str
    state: CertificateState
    issued_at: datetime | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be cancelled, each with what the CRL will say, in the order it was held.

    `cumulative`: this is the person's first cancellation, and spends it.
    """

    cumulative: bool
    covered: tuple[tuple[str, CrlReason], ...]


def plan(held: Sequence[Held], asked: Sequence[str], reason: Reason, *, first_spent: bool) -> Plan:
    """Plan a cancellation of the operations `asked`.

    The first one a person ever asks for takes in all that is active. One for renewal is part of
    the renewal: it covers what is named and spends nothing.

    :raises Refused: NOTHING_TO_CANCEL, MALFORMED, NOT_FOUND, NOT_ACTIVE (with the state), or
        REASON_NOT_ALLOWED for a renewal without a newer active certificate.
    """
    _check_asked(held, asked)
    if reason is Reason.RENEWAL:
        _check_renewed(held, asked)
    cumulative = not first_spent and reason is not Reason.RENEWAL
    covered = tuple(
        (row.id_operazione, _crl_reason(reason, named=row.id_operazione in asked))
        for row in held
        if row.id_operazione in asked or (cumulative and row.state is CertificateState.ACTIVE)
    )
    return Plan(cumulative, covered)


def _check_asked(held: Sequence[Held], asked: Sequence[str]) -> None:
    by_id = {row.id_operazione: row for row in held}
    if not asked and not any(row.state in CANCELLABLE for row in held):
        raise Refused(ProblemCode.NOTHING_TO_CANCEL, "no certificate can be cancelled")
    if not asked or len(set(asked)) != len(asked):
        raise Refused(ProblemCode.MALFORMED, "name each operation once, and at least one")
    for name in asked:
        row = by_id.get(name)
        if row is None:
            raise Refused(ProblemCode.NOT_FOUND, "no such operation")
        if row.state not in CANCELLABLE:
            raise Refused(
                ProblemCode.NOT_ACTIVE,
                f"the certificate is {row.state}",
                {"id_operazione": name, "state": row.state.value},
            )


def _check_renewed(held: Sequence[Held], asked: Sequence[str]) -> None:
    """Check that something newer is active: superseded only after the new one is there."""
    newest_asked = max(
        row.issued_at for row in held if row.id_operazione in asked and row.issued_at
    )
    renewed = any(
        row.issued_at is not None and row.issued_at > newest_asked
        for row in held
        if row.state is CertificateState.ACTIVE and row.id_operazione not in asked
    )
    if not renewed:
        raise Refused(ProblemCode.REASON_NOT_ALLOWED, "no newer certificate is active")


def _crl_reason(reason: Reason, *, named: bool) -> CrlReason:
    """Say keyCompromise only of keys named as lost or stolen, never of those taken along."""
    final = REASONS[reason].final
    if final is CrlReason.KEY_COMPROMISE and not named:
        return CrlReason.UNSPECIFIED
    return final
