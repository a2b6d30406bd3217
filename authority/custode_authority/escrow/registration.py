"""Registering a backup, in two phases: reserve gives the recovery key, confirm makes it count."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from sqlalchemy import select

from custode_authority.certificates import listing, settling
from custode_authority.certificates.enrolling import check_csr
from custode_authority.certificates.signatures import decode_signature
from custode_authority.errors import Refused
from custode_authority.escrow import backups, decisions, pin_key
from custode_authority.escrow.successor_key import public_key_of, same_kind
from custode_authority.storage import audit, key_registry, nonces
from custode_authority.storage.tables import Account, Backup, Certificate
from custode_authority.wire import cms
from custode_authority.wire.messages import (
    BackupView,
    ConfirmRequest,
    Reservation,
    ReserveRequest,
)
from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.states import BackupKind, BackupPlace, BackupState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from custode_authority.ca.authority import Authority
    from custode_authority.errors import Data
    from custode_authority.escrow.backups import Who


def reserve(authority: Authority, who: Who, request: ReserveRequest) -> Reservation:
    """Reserve a backup of an active original; one in a folder gets its recovery key.

    :raises Refused: NOT_FOUND, NOT_ACTIVE, ORIGINAL_RENEWED, IDENTITY_CEASED, BACKUP_PLACE.
    """
    backup_id = secrets.token_hex(16)
    in_folder = request.place is BackupPlace.FOLDER
    public_key, sealed = _recovery_key(authority, backup_id) if in_folder else (None, None)
    with authority.db.transaction() as tx:
        now = authority.clock.now()
        account = who(tx)
        settling.settle(tx, authority, account, now=now)
        original = _original(tx, account, request.original_sha256)
        _require_reservable(tx, request, original)
        backup = Backup(
            id=backup_id,
            account=account,
            kind=request.kind,
            place=request.place,
            state=BackupState.RESERVED,
            original=original,
            original_sha256=original.fingerprint_sha256,
            reserved_at=now,
            recovery_public_key=public_key,
            recovery_key_sealed=sealed,
        )
        tx.add(backup)
        tx.flush()
        about: Data = {"backup": backup_id, "original": original.serial_number}
        audit.append(tx, "backup.reserved", about, at=now)
    return Reservation(
        backup_id=backup_id,
        recovery_public_key=public_key,
        authority_name=authority.settings.name,
        authority_address=authority.settings.url,
        at=now,
    )


def _recovery_key(authority: Authority, backup_id: str) -> tuple[bytes, bytes]:
    """Make the recovery key of one backup: its public half, and the sealed private one."""
    key = ec.generate_private_key(ec.SECP256R1())
    public_key = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    secret = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return public_key, authority.keys.sealer.seal(secret, backup_id)


def confirm(
    authority: Authority, who: Who, request: ConfirmRequest, body: bytes, signature: str | None
) -> BackupView:
    """Register what the original signed for: container, successor's key and PIN key.

    The same content sent again is answered, not refused: an answer may get lost.

    :raises Refused: NOT_FOUND, BACKUP_RETIRED, BACKUP_STATE, IDENTITY_CEASED, NOT_ACTIVE,
        ORIGINAL_RENEWED, SIGNATURE_REQUIRED, SIGNATURE_INVALID, NONCE_INVALID, MALFORMED,
        BACKUP_PLACE, CSR_SIGNATURE, CSR_SUBJECT, CSR_KEY, KEY_OF_ANOTHER, KEY_COMPROMISED,
        KEY_IS_SUCCESSOR.
    """
    with authority.db.transaction() as tx:
        now = authority.clock.now()
        backup = backups.open_backup(tx, authority, who, request.backup_id, now=now)
        if not _confirmed_before(backup, request):
            require_confirmable(tx, backup, BackupPlace.FOLDER, now=now)
            require_signed(backup.original, body, signature)
            nonces.spend(tx, backup.account, request.purpose, request.nonce, now=now)
            _register(tx, backup, request, now=now)
        else:
            require_signed(backup.original, body, signature)
        return backups.view(backup, authority.settings, now=now)


def _original(tx: Session, account: Account, fingerprint: str) -> Certificate:
    query = select(Certificate).where(
        Certificate.fingerprint_sha256 == fingerprint, Certificate.account_id == account.id
    )
    original = tx.scalars(query.with_for_update()).first()
    if original is None:
        raise Refused(ProblemCode.NOT_FOUND, "the account has no such certificate")
    return original


def _require_reservable(tx: Session, request: ReserveRequest, original: Certificate) -> None:
    facts = decisions.ReserveFacts(
        kind=request.kind,
        original=original.state,
        ceased=original.account.ceased,
        renewed=listing.renewed(tx, original),
        place=request.place,
    )
    code = decisions.reserve_refusal(facts)
    if code is not None:
        state: Data = {"original_state": original.state.value}
        raise Refused(code, f"a {request.kind} of a certificate {original.state}", state)


def _confirmed_before(backup: Backup, request: ConfirmRequest) -> bool:
    """Whether exactly this was confirmed already; a backup that ended since then is not."""
    if backup.state in {BackupState.RESERVED, BackupState.RETIRED, BackupState.LOCKED}:
        return False
    known = (backup.container_sha256, backup.successor_csr, backup.pin_public_key)
    return known == (request.container_sha256, request.successor_csr, request.pin_public_key)


def require_confirmable(tx: Session, backup: Backup, place: BackupPlace, *, now: datetime) -> None:
    """Go on only when a reservation of that place can be confirmed now.

    :raises Refused: those of `decisions.CONFIRMATION`
    """
    renewed = listing.renewed(tx, backup.original)
    facts = backups.facts_of(backup, now=now, place=place, renewed=renewed)
    backups.require(decisions.CONFIRMATION, backup, facts)


def require_signed(original: Certificate, body: bytes, header: str | None) -> None:
    """Go on only when the original itself signed `body`, and no other certificate."""
    signature = decode_signature(header)
    try:
        cms.verify(signature, x509.load_der_x509_certificate(original.der), body)
    except cms.SignatureInvalid as exc:
        raise Refused(ProblemCode.SIGNATURE_INVALID, "not signed by the original") from exc


def _register(tx: Session, backup: Backup, request: ConfirmRequest, *, now: datetime) -> None:
    if not pin_key.acceptable(request.pin_public_key):
        raise Refused(ProblemCode.MALFORMED, "the PIN's public key is none")
    key_sha256 = register_key(tx, backup, request.successor_csr, now=now)
    backup.container_sha256 = request.container_sha256
    backup.pin_public_key = request.pin_public_key
    about = {"container": request.container_sha256, "successor_key": key_sha256}
    backups.move(tx, backup, BackupState.REGISTERED, now=now, **about)


def register_key(tx: Session, backup: Backup, csr: bytes, *, now: datetime) -> str:
    """Take a successor's key: from now on every enrolment of it is refused. Gives its hash.

    A copy is of the original's own key and of no other, and that stays its original's.

    :raises Refused: CSR_…, KEY_…
    """
    key_sha256 = check_csr(csr, backup.account.codice_fiscale)
    if backup.kind is BackupKind.COPY:
        if key_sha256 != backup.original.key_sha256:
            raise Refused(ProblemCode.CSR_KEY, "a copy is of the original's own key")
        key_registry.claim(tx, backup.account, key_sha256, now=now)
    else:
        _require_like_original(backup, csr)
        key_registry.reserve_successor(tx, backup.account, key_sha256, backup.id, now=now)
        backup.successor_key_sha256 = key_sha256
    backup.registered_at = now
    backup.successor_csr = csr
    return key_sha256


def _require_like_original(backup: Backup, csr: bytes) -> None:
    key = public_key_of(x509.load_der_x509_csr(csr))
    original = public_key_of(x509.load_der_x509_certificate(backup.original.der))
    if not same_kind(key, original):
        raise Refused(ProblemCode.CSR_KEY, "not of the original's type and size")
