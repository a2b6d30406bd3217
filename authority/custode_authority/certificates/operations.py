"""Operations (*IdOperazione*): opening one, and the row a person sees."""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import TYPE_CHECKING

from custode_authority.storage.tables import Account, Operation, OperationKind
from custode_authority.wire.messages import OperationView
from custode_authority.wire.states import CertificateState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


def new_id(now: datetime) -> str:
    """Return a fresh IdOperazione: the day (UTC) and ten random digits."""
    return f"{now:%y%m%d}{secrets.randbelow(10**10):010d}"


def open_operation(
    tx: Session,
    account: Account,
    kind: OperationKind,
    csr: bytes,
    key_sha256: str,
    *,
    now: datetime,
) -> Operation:
    """Open a generating operation for a DER PKCS#10 that was checked; `key_sha256` is its key's.

    Without a `ready_at` it waits until somebody issues it or says when.
    """
    operation = Operation(
        id=new_id(now),
        account=account,
        kind=kind,
        file_name="",
        state=CertificateState.GENERATING,
        csr=csr,
        csr_sha256=sha256(csr).hexdigest(),
        key_sha256=key_sha256,
        requested_at=now,
    )
    tx.add(operation)
    tx.flush()
    return operation


def state_of(operation: Operation) -> CertificateState:
    """Return the one state a person sees: the certificate's once there is one."""
    return operation.certificate.state if operation.certificate else operation.state


def view(operation: Operation) -> OperationView:
    """Return the row of GET /v1/certificates."""
    certificate = operation.certificate
    if certificate is None:
        return OperationView(
            id_operazione=operation.id,
            file_name=operation.file_name,
            state=operation.state,
            requested_at=operation.requested_at,
            expires_at=None,
            outcome=operation.outcome,
            key_sha256=operation.key_sha256,
        )
    return OperationView(
        id_operazione=operation.id,
        file_name=operation.file_name,
        state=certificate.state,
        requested_at=operation.requested_at,
        expires_at=certificate.not_after,
        outcome=operation.outcome,
        key_sha256=operation.key_sha256,
        serial_number=certificate.serial_number,
        fingerprint_sha256=certificate.fingerprint_sha256,
        certificate=certificate.der,
        cancelled_at=certificate.cancelled_at,
        crl_reason=certificate.crl_reason,
    )
