"""Stable codes of the authority's refusals and the HTTP status each is sent with (RFC 9457)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class ProblemCode(StrEnum):
    """Why the authority refused; the agent maps each to a sentence and an exit code."""

    MALFORMED = "malformed"
    WRONG_CREDENTIALS = "wrong_credentials"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a code, not a password
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    TOO_MANY_TRIES = "too_many_tries"
    IDENTITY_EXISTS = "identity_exists"
    IDENTITY_CEASED = "identity_ceased"
    CSR_SIGNATURE = "csr_signature"
    CSR_SUBJECT = "csr_subject"
    CSR_KEY = "csr_key"
    KEY_OF_ANOTHER = "key_of_another"
    KEY_COMPROMISED = "key_compromised"
    KEY_IS_SUCCESSOR = "key_is_successor"
    SIGNATURE_REQUIRED = "signature_required"
    SIGNATURE_INVALID = "signature_invalid"
    NONCE_INVALID = "nonce_invalid"
    NOT_ACTIVE = "not_active"
    NOTHING_TO_CANCEL = "nothing_to_cancel"
    COVERED_CHANGED = "covered_changed"
    REASON_NOT_ALLOWED = "reason_not_allowed"
    ORIGINAL_ACTIVE = "original_active"
    ORIGINAL_RENEWED = "original_renewed"
    BACKUP_STATE = "backup_state"
    BACKUP_LOCKED = "backup_locked"
    BACKUP_RETIRED = "backup_retired"
    ALREADY_ACTIVATED = "already_activated"
    CONTAINER_MISMATCH = "container_mismatch"
    BACKUP_PLACE = "backup_place"
    WRONG_BACKUP_PIN = "wrong_backup_pin"
    NOT_APPROVED = "not_approved"
    APPROVAL_EXPIRED = "approval_expired"
    COPY_REFUSED = "copy_refused"
    UNWRAP_FAILED = "unwrap_failed"
    INTERNAL = "internal"


_P = ProblemCode
STATUS: Final[Mapping[ProblemCode, int]] = {
    _P.MALFORMED: 400,
    _P.WRONG_CREDENTIALS: 401,
    _P.WRONG_PASSWORD: 403,
    _P.FORBIDDEN: 403,
    _P.NOT_FOUND: 404,
    _P.TOO_MANY_TRIES: 429,
    _P.IDENTITY_EXISTS: 409,
    _P.IDENTITY_CEASED: 403,
    _P.CSR_SIGNATURE: 400,
    _P.CSR_SUBJECT: 400,
    _P.CSR_KEY: 400,
    _P.KEY_OF_ANOTHER: 409,
    _P.KEY_COMPROMISED: 409,
    _P.KEY_IS_SUCCESSOR: 409,
    _P.SIGNATURE_REQUIRED: 403,
    _P.SIGNATURE_INVALID: 403,
    _P.NONCE_INVALID: 403,
    _P.NOT_ACTIVE: 409,
    _P.NOTHING_TO_CANCEL: 409,
    _P.COVERED_CHANGED: 409,
    _P.REASON_NOT_ALLOWED: 400,
    _P.ORIGINAL_ACTIVE: 409,
    _P.ORIGINAL_RENEWED: 409,
    _P.BACKUP_STATE: 409,
    _P.BACKUP_LOCKED: 423,
    _P.BACKUP_RETIRED: 410,
    _P.ALREADY_ACTIVATED: 409,
    _P.CONTAINER_MISMATCH: 409,
    _P.BACKUP_PLACE: 409,
    _P.WRONG_BACKUP_PIN: 403,
    _P.NOT_APPROVED: 409,
    _P.APPROVAL_EXPIRED: 409,
    _P.COPY_REFUSED: 409,
    _P.UNWRAP_FAILED: 400,
    _P.INTERNAL: 500,
}
