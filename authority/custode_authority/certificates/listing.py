"""What a person's account holds, and the signed status of one certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from custode_authority.ca.statements import sign_statement
from custode_authority.certificates import operations
from custode_authority.certificates.settling import settle
from custode_authority.errors import Refused
from custode_authority.storage import audit
from custode_authority.storage.tables import Account, Certificate, Operation, OperationKind
from custode_authority.wire.messages import OperationView, Signed, StatusQuery, StatusStatement
from custode_authority.wire.problems import ProblemCode

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from custode_authority.ca.authority import Authority


def all_operations(tx: Session, authority: Authority, account: Account) -> list[OperationView]:
    """Return every operation of the account, newest last."""
    settle(tx, authority, account, now=authority.clock.now())
    return [operations.view(row) for row in rows(tx, account)]


def one_operation(
    tx: Session, authority: Authority, account: Account, id_operazione: str
) -> OperationView:
    """Return one operation.

    :raises Refused: NOT_FOUND when the account has none of that name.
    """
    settle(tx, authority, account, now=authority.clock.now())
    row = tx.get(Operation, id_operazione)
    if row is None or row.account_id != account.id:
        raise Refused(ProblemCode.NOT_FOUND, "no such operation")
    return operations.view(row)


def rows(tx: Session, account: Account) -> list[Operation]:
    """Return the account's operations, newest last."""
    query = select(Operation).where(Operation.account_id == account.id)
    return list(tx.scalars(query.order_by(Operation.requested_at, Operation.id)))


def certificate_of(tx: Session, account: Account, fingerprint_sha256: str) -> Certificate | None:
    """Return the account's certificate of that fingerprint; another account's counts as none."""
    query = select(Certificate).where(
        Certificate.account_id == account.id,
        Certificate.fingerprint_sha256 == fingerprint_sha256,
    )
    return tx.scalars(query).first()


def renewed(tx: Session, certificate: Certificate) -> bool:
    """Whether a renewal that this certificate signed was issued, whatever became of it since."""
    query = select(Certificate.id).join(Operation, Certificate.operation_id == Operation.id)
    mine = query.where(
        Operation.kind == OperationKind.REENROLL, Operation.signer_id == certificate.id
    )
    return tx.scalars(mine).first() is not None


def status(tx: Session, authority: Authority, account: Account, query: StatusQuery) -> Signed:
    """Return the signed status of a certificate, as of now, over the asker's nonce."""
    now = authority.clock.now()
    settle(tx, authority, account, now=now)
    certificate = certificate_of(tx, account, query.fingerprint_sha256)
    statement = StatusStatement(
        fingerprint_sha256=query.fingerprint_sha256,
        nonce=query.nonce,
        state=certificate.state if certificate else None,
        crl_reason=certificate.crl_reason if certificate else None,
        changed_at=certificate.changed_at if certificate else None,
        expires_at=certificate.not_after if certificate else None,
        at=now,
        audit_head=audit.head(tx),
        knows_head=query.known_head is None or audit.holds(tx, query.known_head),
    )
    return Signed(statement=sign_statement(authority.keys, statement))
