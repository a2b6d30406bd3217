"""What the state table and the rule "only raised" forbid, whoever asks for it."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select
from sqlalchemy.orm import Session

from custode_authority.ca import issuer
from custode_authority.errors import Refused
from custode_authority.storage.tables import Certificate, Setting
from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.reasons import CrlReason
from custode_authority.wire.states import CertificateState

S, C = CertificateState, CrlReason
Change = Callable[[Session, Certificate], None]


@pytest.fixture
def changed(anna: Any, clock: Any) -> Callable[[Change], Certificate]:
    """Apply one change to Anna's only certificate, each in a transaction of its own."""
    anna.certified()

    def apply(change: Change) -> Certificate:
        with anna.authority.db.transaction() as tx:
            certificate: Certificate = tx.scalars(select(Certificate)).one()
            change(tx, certificate)
            return certificate

    return apply


def _cancel(reason: CrlReason, clock: Any) -> Change:
    return lambda tx, certificate: issuer.cancel(tx, certificate, reason, now=clock.now())


def _refused(changed: Any, change: Change) -> ProblemCode:
    with pytest.raises(Refused) as refused:
        changed(change)
    return refused.value.code


@pytest.mark.parametrize("reason", [C.UNSPECIFIED, C.SUPERSEDED, C.CESSATION_OF_OPERATION])
def test_a_final_reason_is_raised_to_compromise_and_never_lowered(
    changed: Any, clock: Any, reason: CrlReason
) -> None:
    first = changed(_cancel(reason, clock))
    assert (first.state, first.crl_reason, first.revision) == (S.CANCELLED, reason, 2)
    ended_at = first.cancelled_at
    clock.forward(days=1)
    for lower in (C.UNSPECIFIED, C.SUPERSEDED, C.CESSATION_OF_OPERATION):
        assert _refused(changed, _cancel(lower, clock)) is ProblemCode.NOT_ACTIVE
    raised = changed(_cancel(C.KEY_COMPROMISE, clock))
    assert (raised.crl_reason, raised.revision) == (C.KEY_COMPROMISE, 3)
    assert raised.cancelled_at == ended_at
    assert _refused(changed, _cancel(reason, clock)) is ProblemCode.NOT_ACTIVE
    assert _refused(changed, _cancel(C.KEY_COMPROMISE, clock)) is ProblemCode.NOT_ACTIVE


def test_a_hold_is_no_cancellation(changed: Any, clock: Any) -> None:
    with pytest.raises(ValueError, match="hold"):
        changed(_cancel(C.CERTIFICATE_HOLD, clock))


def test_suspending_twice_is_suspending_once(changed: Any, clock: Any) -> None:
    def suspend(tx: Session, certificate: Certificate) -> None:
        issuer.suspend(tx, certificate, now=clock.now())

    first = changed(suspend)
    clock.forward(days=1)
    second = changed(suspend)
    assert (second.suspended_at, second.revision) == (first.suspended_at, 2)
    assert changed(_cancel(C.SUPERSEDED, clock)).state is S.CANCELLED
    assert _refused(changed, suspend) is ProblemCode.NOT_ACTIVE


def test_nothing_leads_out_of_expired(changed: Any, clock: Any) -> None:
    def expire(tx: Session, certificate: Certificate) -> None:
        issuer.expire(tx, certificate, now=clock.now())

    assert changed(expire).state is S.EXPIRED
    assert _refused(changed, expire) is ProblemCode.NOT_ACTIVE
    assert _refused(changed, _cancel(C.KEY_COMPROMISE, clock)) is ProblemCode.NOT_ACTIVE


def test_an_operation_is_issued_once(changed: Any, anna: Any, clock: Any) -> None:
    def issue(tx: Session, certificate: Certificate) -> None:
        issuer.issue(tx, anna.authority, certificate.operation, now=clock.now())

    assert _refused(changed, issue) is ProblemCode.NOT_ACTIVE


def test_every_change_makes_the_crl_stale(changed: Any, anna: Any, clock: Any) -> None:
    def revision() -> int:
        with anna.authority.db.transaction() as tx:
            value: int = tx.get_one(Setting, "crl_revision").value
            return value

    before = revision()
    changed(_cancel(C.SUPERSEDED, clock))
    assert revision() == before + 1


def test_a_request_ends_with_the_certificate_that_signed_it(anna: Any, clock: Any) -> None:
    """Stolen while they were generated: what the thief may have asked for is not issued."""
    mine = anna.certified()
    settings = msgspec.structs.replace(anna.authority.settings, generation_s=60)
    object.__setattr__(anna.authority, "settings", settings)
    other = ec.generate_private_key(ec.SECP256R1())
    assert anna.send(anna.csr(mine[0]), mine).status_code == 202
    assert anna.send(anna.csr(other), mine).status_code == 202
    assert anna.cancel(mine, by=mine, reason="theft").status_code == 201
    clock.forward(seconds=61)
    rows = {row.key_sha256: (row.state, row.outcome) for row in anna.operations()[1:]}
    assert sorted(rows.values(), key=str) == [
        (S.REJECTED, "signature_invalid"),
        (S.REJECTED, "signature_invalid"),
    ]
