"""How the authority's refusals are told: one row a `ProblemCode` of its API (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from custode.error_codes import ErrorCode
from custode.error_rows import Row, row

_E = ErrorCode
_REFUSED: Final = 21
_NOT_CHANGED: Final = "Nothing was changed."

REFUSALS: Final[Mapping[ErrorCode, Row]] = {
    _E.AUTHORITY_REFUSED: row(
        _REFUSED,
        (
            "The authority refused ({problem}): {text}",
            "The authority refused ({problem}).",
            "The authority refused.",
        ),
        _NOT_CHANGED,
    ),
    _E.UNKNOWN_TO_AUTHORITY: row(
        _REFUSED,
        ("The authority does not know this: {text}", "The authority does not know this."),
        "See `custode certificates` and `custode backup list`.",
    ),
    _E.WRONG_CREDENTIALS: row(
        22,
        "The authority does not accept these credentials.",
        "See `custode identity show`; for an account elsewhere ask who gave it to you.",
    ),
    _E.WRONG_PASSWORD: row(
        22,
        "The account's password is wrong. Nothing was changed.",
        "Run the command again with the right one.",
    ),
    _E.TOO_MANY_TRIES: row(
        _REFUSED,
        (
            "Too many tries. The authority listens again in {retry_after_s} seconds.",
            "Too many tries.",
        ),
        "Wait, then run the command again.",
    ),
    _E.IDENTITY_EXISTS: row(
        _REFUSED,
        (
            "This computer already has {code} ({codice_fiscale}). Nothing was changed.",
            "The authority already has an account for this identity.",
        ),
        "See `custode identity show`; an account that exists is used with its own credentials.",
    ),
    _E.IDENTITY_CEASED: row(
        _REFUSED,
        "This identity's activity has ceased: nothing more is issued or activated for it.",
        "Ask support if this is wrong.",
    ),
    _E.CSR_SIGNATURE: row(
        _REFUSED,
        "The request's own signature does not verify.",
        "Make a new one with `custode csr`.",
    ),
    _E.CSR_SUBJECT: row(
        _REFUSED,
        "The request names somebody else: its CN has to be the account's codice fiscale.",
        "Make a new one with `custode csr`.",
    ),
    _E.CSR_KEY: row(
        _REFUSED,
        "The authority does not take keys of this kind.",
        "Use --key rsa2048, rsa3072, rsa4096, p256 or p384.",
    ),
    _E.KEY_OF_ANOTHER: row(
        _REFUSED, "This public key belongs to another identity.", "Make a new key."
    ),
    _E.KEY_COMPROMISED: row(
        _REFUSED, "This public key was cancelled as compromised.", "Make a new key."
    ),
    _E.KEY_IS_SUCCESSOR: row(
        _REFUSED,
        "This key is registered as the successor in a backup: it gets a certificate only when "
        "that backup is activated.",
        "Make a new key.",
    ),
    _E.SIGNATURE_REQUIRED: row(
        _REFUSED,
        "This has to be signed on the token with the active certificate.",
        "Plug in the token that carries it.",
    ),
    _E.SIGNATURE_INVALID: row(
        _REFUSED, "The authority does not accept the token's signature.", _NOT_CHANGED
    ),
    _E.NONCE_INVALID: row(
        _REFUSED,
        "The authority's permit for this was used up, or ended with a change meanwhile.",
        "Run the command again.",
    ),
    _E.NOT_ACTIVE: row(
        _REFUSED,
        "The certificate is not active: only what is active can be cancelled.",
        "See `custode certificates`.",
    ),
    _E.NOTHING_TO_CANCEL: row(
        _REFUSED, "There is nothing that could be cancelled.", "See `custode certificates`."
    ),
    _E.COVERED_CHANGED: row(
        _REFUSED,
        "What would be cancelled is no longer what was shown. Nothing was cancelled.",
        "Run the same command again with --preview, and look at what it takes in now.",
    ),
    _E.REASON_NOT_ALLOWED: row(
        _REFUSED,
        "This reason cannot be given here. Nothing was changed.",
        "Choose another reason; an activation wants the one that was reported.",
    ),
    _E.ORIGINAL_ACTIVE: row(
        _REFUSED,
        "The original is active: its backup cannot be activated.",
        "If it is lost, stolen or broken, report it first: custode report",
    ),
    _E.ORIGINAL_RENEWED: row(
        _REFUSED,
        "This certificate was renewed: a backup is made of the new one. Nothing was changed.",
        "Bring the renewal to its end (custode renew), then make the backup: custode backup create",
    ),
    _E.BACKUP_STATE: row(
        _REFUSED,
        "The backup is in another state than this needs.",
        "See `custode backup list`.",
    ),
    _E.BACKUP_LOCKED: row(
        13,
        "The backup is locked: all attempts at its PIN are spent, or its authority was restored.",
        "Ask for a re-issue: a new certificate and a new PIN.",
    ),
    _E.BACKUP_RETIRED: row(
        _REFUSED,
        "This backup is retired: it is no longer valid.",
        "Use another backup (custode backup list); if there is none: custode reissue",
    ),
    _E.ALREADY_ACTIVATED: row(
        _REFUSED,
        "This backup was already activated by somebody else.",
        "If that was not you, report the theft at once: custode report theft",
    ),
    _E.BACKUP_PLACE: row(
        _REFUSED,
        "That backup lies elsewhere: in a folder, or on a spare token. Nothing was changed.",
        "See `custode backup list`.",
    ),
    _E.CONTAINER_MISMATCH: row(
        _REFUSED,
        "This iw.iwk is not the one that was registered.",
        "Use an unchanged copy of the folder.",
    ),
    _E.WRONG_BACKUP_PIN: row(
        12,
        (
            "The backup PIN is wrong. Attempts left: {tries_remaining}.",
            "The backup PIN is wrong.",
        ),
        "Take care: after five wrong ones in all, the backup is locked for good.",
    ),
    _E.NOT_APPROVED: row(
        _REFUSED,
        "The activation is not approved yet.",
        "Support has to approve it; ask again later, or use --wait.",
    ),
    _E.APPROVAL_EXPIRED: row(
        _REFUSED, "The approval of the activation has expired.", "Request the activation again."
    ),
    _E.COPY_REFUSED: row(
        _REFUSED,
        (
            "This backup is a copy of the very key that was lost or stolen: it can be activated"
            " after a fault only. No PIN was tried, nothing was changed."
        ),
        "Activate a successor backup (custode backup list), or ask for a re-issue: custode reissue",
    ),
    _E.UNWRAP_FAILED: row(
        _REFUSED,
        "The authority could not unlock this backup's content key. Nothing was changed.",
        "Use an unchanged copy of the folder.",
    ),
}
