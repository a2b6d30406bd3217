"""A successor on a spare token: its own key registers, activates and collects it.

The spare's chip counts its PIN's tries, so nothing is counted here and nothing is unwrapped: what a
folder proves with its PIN, this backup proves with a signature of the key that becomes the
successor. Everything else is the same: the gate first, then the signature, then the nonce, then one
transaction that ends the original, issues the successor and retires the other backups.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography import x509

from custode_authority.ca.statements import sign_statement
from custode_authority.certificates.signatures import decode_signature
from custode_authority.errors import Refused
from custode_authority.escrow import activation, backups, collection, decisions, ending
from custode_authority.escrow.registration import (
    register_key,
    require_confirmable,
    require_signed,
)
from custode_authority.escrow.successor_key import public_key_of
from custode_authority.storage import audit, nonces
from custode_authority.wire import cms
from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.spare_messages import SpareCollection, SpareGrantStatement
from custode_authority.wire.states import BackupPlace, BackupState

if TYPE_CHECKING:
    from custode_authority.ca.authority import Authority
    from custode_authority.errors import Data
    from custode_authority.escrow.backups import Who
    from custode_authority.storage.tables import Backup
    from custode_authority.wire.messages import BackupView
    from custode_authority.wire.spare_messages import (
        SpareActivationRequest,
        SpareCollectionRequest,
        SpareConfirmRequest,
    )

_UNCONFIRMED = frozenset({BackupState.RESERVED, BackupState.RETIRED, BackupState.LOCKED})


def confirm(
    authority: Authority,
    who: Who,
    request: SpareConfirmRequest,
    body: bytes,
    signatures: tuple[str | None, str | None],
) -> BackupView:
    """Register the key that original and successor both signed for; `signatures` in that order.

    The same content sent again is answered, not refused: an answer may get lost.

    :raises Refused: NOT_FOUND, those of `decisions.CONFIRMATION`, SIGNATURE_REQUIRED,
        SIGNATURE_INVALID, NONCE_INVALID, CSR_…, KEY_…
    """
    with authority.db.transaction() as tx:
        now = authority.clock.now()
        backup = backups.open_backup(tx, authority, who, request.backup_id, now=now)
        again = _confirmed_before(backup, request)
        if not again:
            require_confirmable(tx, backup, BackupPlace.TOKEN, now=now)
        require_signed(backup.original, body, signatures[0])
        if not again:
            nonces.spend(tx, backup.account, request.purpose, request.nonce, now=now)
            # Checked first: what is no request of that kind of key cannot have signed either.
            key_sha256 = register_key(tx, backup, request.successor_csr, now=now)
            _require_by_successor(backup, body, signatures[1])
            backups.move(tx, backup, BackupState.REGISTERED, now=now, successor_key=key_sha256)
        return backups.view(backup, authority.settings, now=now)


def activate(
    authority: Authority,
    who: Who,
    request: SpareActivationRequest,
    body: bytes,
    signature: str | None,
) -> BackupView:
    """Take a request for activation that the spare's key signed; as `activation.activate`.

    :raises Refused: NOT_FOUND, those of `decisions.ACTIVATION`, SIGNATURE_REQUIRED,
        SIGNATURE_INVALID, NONCE_INVALID.
    """
    with authority.db.transaction() as tx:
        now = authority.clock.now()
        backup = backups.open_backup(tx, authority, who, request.backup_id, now=now)
        reported = backups.reported(tx, backup.original)
        fits = ending.reason_fits(reported, backup.activation_reason, request.reason)
        facts = backups.facts_of(backup, now=now, place=BackupPlace.TOKEN, reason_fits=fits)
        backups.require(decisions.ACTIVATION, backup, facts)
        _require_by_successor(backup, body, signature)
        nonces.spend(tx, backup.account, request.purpose, request.nonce, now=now)
        activation.ask(tx, backup, request.reason, request.nonce, now=now)
        activation.ripen(tx, authority, backup, now=now)
        return backups.view(backup, authority.settings, now=now)


def collect(
    authority: Authority,
    who: Who,
    request: SpareCollectionRequest,
    body: bytes,
    signature: str | None,
) -> SpareCollection:
    """End the original and issue the successor's certificate; again until it is confirmed.

    :raises Refused: NOT_FOUND, those of `decisions.COLLECTION`, SIGNATURE_REQUIRED,
        SIGNATURE_INVALID, NONCE_INVALID.
    """
    with authority.db.transaction() as tx:
        now = authority.clock.now()
        backup = backups.open_backup(tx, authority, who, request.backup_id, now=now)
        activation.ripen(tx, authority, backup, now=now)
        facts = backups.facts_of(backup, now=now, place=BackupPlace.TOKEN)
        backups.require(decisions.COLLECTION, backup, facts)
        _require_by_successor(backup, body, signature)
        nonces.spend(tx, backup.account, request.purpose, request.nonce, now=now)
        end, successor = collection.succeed(tx, authority, backup, now=now)
        statement = SpareGrantStatement(
            backup_id=backup.id,
            original_sha256=backup.original_sha256,
            original_serial_number=backup.original.serial_number,
            original_cancelled_at=end.at,
            crl_reason=end.reason,
            successor_sha256=successor.fingerprint_sha256,
            successor_key_sha256=successor.key_sha256,
            nonce=request.nonce,
            at=now,
        )
        grant = sign_statement(authority.keys, statement)
        about: Data = {
            "backup": backup.id,
            "grant": sha256(grant).hexdigest(),
            "nonce": request.nonce,
        }
        audit.append(tx, "backup.granted", about, at=now)
        return SpareCollection(grant=grant, certificate=successor.der)


def _confirmed_before(backup: Backup, request: SpareConfirmRequest) -> bool:
    """Whether exactly this was confirmed already; a backup that ended since then is not."""
    if backup.state in _UNCONFIRMED or backup.place is not BackupPlace.TOKEN:
        return False
    return backup.successor_csr == request.successor_csr


def _require_by_successor(backup: Backup, body: bytes, header: str | None) -> None:
    """Go on only when the registered key itself signed exactly `body`; the original's does not."""
    signature = decode_signature(header)
    csr = backup.successor_csr
    key = public_key_of(x509.load_der_x509_csr(csr)) if csr is not None else None
    try:
        if key is None:
            raise cms.SignatureInvalid
        cms.verify(signature, key, body)
    except cms.SignatureInvalid as exc:
        raise Refused(ProblemCode.SIGNATURE_INVALID, "not signed by the successor's key") from exc
