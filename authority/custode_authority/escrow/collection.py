"""Collecting an approved backup: the original ends, its successor begins, the key is let go.

The content key is unwrapped first; a failure there changes nothing. Then one transaction: original
cancelled for good, successor's certificate issued, every other backup of the original retired,
backup collected. Until the restoration is confirmed the account may collect again, with the PIN
again and a new ephemeral key; nothing is issued a second time.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_private_key

from custode_authority.ca import issuer
from custode_authority.ca.statements import sign_statement
from custode_authority.certificates.operations import open_operation
from custode_authority.errors import Refused
from custode_authority.escrow import backups, decisions, ending, pin_proof
from custode_authority.escrow.activation import ripen
from custode_authority.escrow.pin_proof import PinRequest
from custode_authority.storage import audit, key_registry
from custode_authority.storage.tables import Certificate, OperationKind
from custode_authority.wire import recovery, reseal
from custode_authority.wire.messages import Collection, GrantStatement
from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.reasons import CrlReason, Reason, may_raise
from custode_authority.wire.states import BackupKind, BackupPlace, BackupState, CertificateState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from custode_authority.ca.authority import Authority
    from custode_authority.errors import Data
    from custode_authority.escrow.backups import Who
    from custode_authority.storage.tables import Backup
    from custode_authority.wire.messages import CollectionRequest


class End(NamedTuple):
    """How the original ended: the moment and the reason that the grant tells."""

    at: datetime
    reason: CrlReason


def collect(
    authority: Authority,
    who: Who,
    request: CollectionRequest,
    body: bytes,
    signature: str | None,
) -> Collection:
    """Collect, or collect again until the restoration is confirmed.

    :raises Refused: those of `decisions.COLLECTION` before the PIN is looked at, NOT_FOUND, those
        of `pin_proof.prove`; UNWRAP_FAILED, MALFORMED for an ephemeral key that is none.
    """

    def gate(tx: Session, backup: Backup, now: datetime) -> None:
        ripen(tx, authority, backup, now=now)
        named = request.container_sha256
        place = BackupPlace.FOLDER
        facts = backups.facts_of(backup, now=now, place=place, container_sha256=named)
        backups.require(decisions.COLLECTION, backup, facts)

    asked = PinRequest(request.backup_id, request.purpose, request.nonce, body, signature)
    revision = pin_proof.prove(authority, who, asked, gate)
    with authority.db.transaction() as tx:
        now = authority.clock.now()
        backup = backups.open_backup(tx, authority, who, request.backup_id, now=now)
        gate(tx, backup, now)
        pin_proof.still(backup, revision)
        content_key = _unwrap(authority, backup, request.recipient_info)
        end, successor = succeed(tx, authority, backup, now=now)
        return _grant(tx, authority, backup, request, (end, successor, content_key), now)


def _unwrap(authority: Authority, backup: Backup, recipient_info: bytes) -> bytes:
    if backup.recovery_key_sealed is None:
        raise Refused(ProblemCode.BACKUP_RETIRED, "the recovery key is destroyed")
    der = authority.keys.sealer.unseal(backup.recovery_key_sealed, backup.id)
    recovery_key = load_der_private_key(der, None)
    if not isinstance(recovery_key, ec.EllipticCurvePrivateKey):
        raise TypeError("a recovery key is an EC key")
    try:
        return recovery.unwrap_content_key(recipient_info, recovery_key)
    except recovery.RecoveryFailed as exc:
        raise Refused(ProblemCode.UNWRAP_FAILED, "no content key of this backup") from exc


def succeed(
    tx: Session, authority: Authority, backup: Backup, *, now: datetime
) -> tuple[End, Certificate]:
    """End the original and put the successor in its place, if that was not done before."""
    if backup.successor is not None:
        return _end(backup.original, _final_reason(tx, backup)), backup.successor
    reason = _final_reason(tx, backup)
    _cancel(tx, backup.original, reason, now)
    successor = _issue(tx, authority, backup, now)
    backup.successor = successor
    backup.successor_sha256 = successor.fingerprint_sha256
    backup.collected_at = now
    about = {"successor": successor.serial_number, "crl_reason": reason.value}
    backups.move(tx, backup, BackupState.COLLECTED, now=now, **about)
    return _end(backup.original, reason), successor


def _final_reason(tx: Session, backup: Backup) -> CrlReason:
    reported = backups.reported(tx, backup.original)
    asked = backup.activation_reason or Reason.LOST  # unknown counts as the graver end
    return ending.final_reason(asked, reported=reported, recorded=backup.original.crl_reason)


def _cancel(tx: Session, original: Certificate, reason: CrlReason, now: datetime) -> None:
    if original.state is CertificateState.EXPIRED:
        # It is over and cannot be cancelled; what is lost with it is still never certified again.
        if reason is CrlReason.KEY_COMPROMISE:
            issuer.compromise(tx, original, now=now)
        return
    recorded = original.crl_reason
    if original.state is CertificateState.CANCELLED and recorded is not None:
        if may_raise(recorded, reason):
            issuer.cancel(tx, original, reason, now=now)
        return
    issuer.cancel(tx, original, reason, now=now)


def _issue(tx: Session, authority: Authority, backup: Backup, now: datetime) -> Certificate:
    csr, key_sha256 = backup.successor_csr, backup.successor_key_sha256
    if backup.kind is BackupKind.COPY:
        key_sha256 = backup.original.key_sha256
    if csr is None or key_sha256 is None:
        raise Refused(ProblemCode.BACKUP_STATE, "the backup was never confirmed")
    if backup.kind is BackupKind.SUCCESSOR:
        key_registry.grant_successor(tx, key_sha256, backup.id)
    operation = open_operation(
        tx, backup.account, OperationKind.ACTIVATION, csr, key_sha256, now=now
    )
    return issuer.issue(
        tx,
        authority,
        operation,
        now=now,
        in_place_of=[backup.original],
        except_backup=backup.id,
    )


def _end(original: Certificate, reason: CrlReason) -> End:
    if original.cancelled_at is None:  # it expired
        return End(original.not_after, reason)
    return End(original.cancelled_at, original.crl_reason or reason)


def _grant(
    tx: Session,
    authority: Authority,
    backup: Backup,
    request: CollectionRequest,
    granted: tuple[End, Certificate, bytes],
    now: datetime,
) -> Collection:
    end, successor, content_key = granted
    statement = GrantStatement(
        backup_id=backup.id,
        container_sha256=request.container_sha256,
        original_sha256=backup.original_sha256,
        original_serial_number=backup.original.serial_number,
        original_cancelled_at=end.at,
        crl_reason=end.reason,
        successor_sha256=successor.fingerprint_sha256,
        ephemeral_public_key=request.ephemeral_public_key,
        nonce=request.nonce,
        at=now,
    )
    grant = sign_statement(authority.keys, statement)
    try:
        sealed = reseal.seal(content_key, request.ephemeral_public_key, grant)
    except ValueError as exc:  # undoes the transaction: nothing ended, nothing was issued
        raise Refused(ProblemCode.MALFORMED, "the ephemeral key is no X25519 key") from exc
    about: Data = {
        "backup": backup.id,
        "grant": sha256(grant).hexdigest(),
        "nonce": request.nonce,
    }
    audit.append(tx, "backup.granted", about, at=now)
    return Collection(grant=grant, sealed_key=sealed, certificate=successor.der)
