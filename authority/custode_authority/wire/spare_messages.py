"""Messages about a successor on a spare token: registered, activated and collected by its own key.

No PIN of ours and no container: the spare's chip counts its PIN's tries, and its key never leaves
it. Each of these requests is signed by that key (detached CMS over the exact body, RFC 5652 §5,
signer named by SHA-1 of the key's bits as in RFC 5280 §4.2.1.2). Bytes, times and hashes travel as
in `messages`.
"""

from __future__ import annotations

from typing import Final, Literal

from custode_authority.wire.messages import BackupId, Hex256, Message, Moment, Nonce
from custode_authority.wire.reasons import CrlReason, Reason

SUCCESSOR_SIGNATURE_HEADER: Final = "Custode-Successor-Signature"


class SpareConfirmRequest(Message, kw_only=True):
    """POST /v1/backups/ID/spare/confirmation, signed twice.

    By the original (`Custode-Signature`), and by the key that it registers
    (`Custode-Successor-Signature`): that proves possession for this backup and this nonce, which
    the `successor_csr`, a DER PKCS#10 made by the same key, does not.
    """

    purpose: Literal["spare.confirm"] = "spare.confirm"
    nonce: Nonce
    backup_id: BackupId
    successor_csr: bytes


class SpareActivationRequest(Message, kw_only=True):
    """POST /v1/backups/ID/spare/activation, signed by the successor's key (`Custode-Signature`)."""

    purpose: Literal["spare.activate"] = "spare.activate"
    nonce: Nonce
    backup_id: BackupId
    reason: Reason


class SpareCollectionRequest(Message, kw_only=True):
    """POST /v1/backups/ID/spare/collection, signed by the successor's key (`Custode-Signature`)."""

    purpose: Literal["spare.collect"] = "spare.collect"
    nonce: Nonce
    backup_id: BackupId


class SpareGrantStatement(Message, kw_only=True):
    """What the authority signs (CMS SignedData, encapsulated) when a spare is collected.

    `successor_key_sha256` is the hash of the SubjectPublicKeyInfo that signed the request,
    `nonce` that request's own.
    """

    purpose: Literal["spare.grant"] = "spare.grant"
    backup_id: BackupId
    original_sha256: Hex256
    original_serial_number: str
    original_cancelled_at: Moment
    crl_reason: CrlReason
    successor_sha256: Hex256
    successor_key_sha256: Hex256
    nonce: Nonce
    at: Moment


class SpareCollection(Message, kw_only=True):
    """What collecting gives: the grant (DER CMS), and the successor's certificate (DER)."""

    grant: bytes
    certificate: bytes
