"""How a backup ends well or is given up: restored on a token, or retired by its owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509

from custode_authority.certificates.signatures import active_signer, decode_signature
from custode_authority.domain.retirement import destroy_secrets, retire
from custode_authority.errors import Refused
from custode_authority.escrow import backups, decisions
from custode_authority.storage import nonces
from custode_authority.wire import cms
from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.states import BackupState

if TYPE_CHECKING:
    from custode_authority.ca.authority import Authority
    from custode_authority.escrow.backups import Who
    from custode_authority.storage.tables import Backup
    from custode_authority.wire.messages import BackupView, RestorationRequest, RetireRequest

BY_OWNER = "by its owner"
ABANDONED = "never finished"


def restored(
    authority: Authority,
    who: Who,
    request: RestorationRequest,
    body: bytes,
    signature: str | None,
) -> BackupView:
    """Note that the successor lives on its token; the recovery key is destroyed.

    Sent again it is answered, not refused.

    :raises Refused: NOT_FOUND, those of `decisions.RESTORATION`, SIGNATURE_REQUIRED,
        SIGNATURE_INVALID when anyone but the successor signed, NONCE_INVALID.
    """
    with authority.db.transaction() as tx:
        now = authority.clock.now()
        backup = backups.open_backup(tx, authority, who, request.backup_id, now=now)
        backups.require(decisions.RESTORATION, backup, backups.facts_of(backup, now=now))
        _require_successor_signed(backup, request.successor_sha256, body, signature)
        if backup.state is not BackupState.RESTORED:
            nonces.spend(tx, backup.account, request.purpose, request.nonce, now=now)
            backup.restored_at = now
            destroy_secrets(tx, backup)
            backups.move(tx, backup, BackupState.RESTORED, now=now)
        return backups.view(backup, authority.settings, now=now)


def retired(
    authority: Authority, who: Who, request: RetireRequest, body: bytes, signature: str | None
) -> BackupView:
    """Retire a backup because its owner says so; the original stays what it is.

    Sent again it is answered, not refused.

    :raises Refused: NOT_FOUND, BACKUP_STATE when it is restored, SIGNATURE_REQUIRED,
        SIGNATURE_INVALID when no active certificate of the account signed, NONCE_INVALID.
    """
    with authority.db.transaction() as tx:
        now = authority.clock.now()
        backup = backups.open_backup(tx, authority, who, request.backup_id, now=now)
        backups.require(decisions.RETIREMENT, backup, backups.facts_of(backup, now=now))
        active_signer(tx, backup.account, body, signature)
        if backup.state is not BackupState.RETIRED:
            nonces.spend(tx, backup.account, request.purpose, request.nonce, now=now)
            retire(tx, backup, BY_OWNER, now=now)
        return backups.view(backup, authority.settings, now=now)


def abandoned(authority: Authority, who: Who, backup_id: str) -> BackupView:
    """Give up a reservation whose folder was never finished; the account alone may do that.

    In one transaction with the question whether it was confirmed: a confirmation that is still on
    its way is refused afterwards, so the agent may take the folder away.

    :raises Refused: NOT_FOUND, BACKUP_STATE when it was confirmed meanwhile
    """
    with authority.db.transaction() as tx:
        now = authority.clock.now()
        backup = backups.open_backup(tx, authority, who, backup_id, now=now)
        backups.require(decisions.ABANDONMENT, backup, backups.facts_of(backup, now=now))
        if backup.state is not BackupState.RETIRED:
            retire(tx, backup, ABANDONED, now=now)
        return backups.view(backup, authority.settings, now=now)


def _require_successor_signed(
    backup: Backup, fingerprint: str, body: bytes, header: str | None
) -> None:
    successor = backup.successor
    signature = decode_signature(header)
    if successor is None or successor.fingerprint_sha256 != fingerprint:
        raise Refused(ProblemCode.SIGNATURE_INVALID, "another certificate is the successor")
    try:
        cms.verify(signature, x509.load_der_x509_certificate(successor.der), body)
    except cms.SignatureInvalid as exc:
        raise Refused(ProblemCode.SIGNATURE_INVALID, "not signed by the successor") from exc
