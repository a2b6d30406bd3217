"""Messages of the authority's JSON API (`/v1`), one Struct a message.

Bytes travel as base64 (msgspec's own), times as RFC 3339 UTC, hashes as lower-case hex SHA-256.
A *signed* request is sent with `Custode-Signature` (base64 of a detached CMS SignedData over the
exact body, made by the token, RFC 5652 §5) or `Custode-Pin-Signature` (base64 of a raw Ed25519
signature over the exact body, made with the PIN-derived key, RFC 8032). `purpose` keeps a
signature for one thing from being used for another; `nonce` is the authority's, single use.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final, Literal, dataclass_transform

import msgspec
from msgspec import Meta, Struct

from custode_authority.wire.pin import PASSWORD_MIN_LENGTH
from custode_authority.wire.purposes import Purpose
from custode_authority.wire.reasons import CrlReason, Reason
from custode_authority.wire.states import BackupKind, BackupPlace, BackupState, CertificateState

SIGNATURE_HEADER: Final = "Custode-Signature"
PIN_SIGNATURE_HEADER: Final = "Custode-Pin-Signature"

# `$(?!\n)`: `$` alone takes a trailing newline; `\Z` would not be known to JSON Schema's dialect.
Hex256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
IdentityCode = Annotated[str, Meta(pattern=r"^[A-Z0-9]{3,16}$(?!\n)")]
CodiceFiscale = Annotated[str, Meta(pattern=r"^[A-Z0-9]{11,16}$(?!\n)")]
Nonce = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{16,64}$(?!\n)")]
ApiKey = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{32,128}$(?!\n)")]
BackupId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")]
Text = Annotated[str, Meta(max_length=200)]
Moment = Annotated[datetime, Meta(tz=True)]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """Base: strict both ways, an unknown field is an error.

    msgspec inherits `frozen`, not `kw_only`: each message says the latter itself.
    """


def canonical(message: Struct) -> bytes:
    """Canonical JSON: keys sorted, no white space, UTF-8. Only strings, integers, lists, null."""
    return msgspec.json.encode(message, order="sorted")


# --- accounts ---------------------------------------------------------------------------------


class AccountCreate(Message, kw_only=True):
    """POST /v1/accounts, Bearer = the bootstrap key of the authority's own computer.

    `api_key`: one the client made and keeps already, so that a lost answer locks nobody out: the
    same request again gives the same account. Without it the authority makes one.
    """

    identity_code: IdentityCode
    codice_fiscale: CodiceFiscale
    name: Text = ""
    mail: Text = ""
    password: Annotated[str, Meta(min_length=PASSWORD_MIN_LENGTH, max_length=256)]
    api_key: ApiKey | None = None


class AccountCreated(Message, kw_only=True):
    """The API key is shown this once; only its hash is kept."""

    identity_code: IdentityCode
    api_key: str


class AccountView(Message, kw_only=True):
    """GET /v1/account."""

    identity_code: IdentityCode
    codice_fiscale: CodiceFiscale
    name: Text
    mail: Text
    api_key_last4: str
    first_cancellation_spent: bool
    ceased: bool


class NonceRequest(Message, kw_only=True):
    """POST /v1/nonces."""

    purpose: Purpose


class NonceIssued(Message, kw_only=True):
    """A nonce for one signed request of that purpose; any change of a certificate ends it."""

    nonce: Nonce
    expires_at: Moment


# --- certificates -----------------------------------------------------------------------------


class OperationView(Message, kw_only=True):
    """One row of GET /v1/certificates: the columns of the agency's page, and the certificate."""

    id_operazione: str
    file_name: str
    state: CertificateState
    requested_at: Moment
    expires_at: Moment | None
    outcome: str | None
    key_sha256: Hex256
    serial_number: str | None = None
    fingerprint_sha256: Hex256 | None = None
    certificate: bytes | None = None
    cancelled_at: Moment | None = None
    crl_reason: CrlReason | None = None


class StatusQuery(Message, kw_only=True):
    """POST /v1/status: the asker's own nonce goes into the signed answer.

    `known_head`: the last head of the authority's log that it signed for this asker.
    """

    fingerprint_sha256: Hex256
    nonce: Nonce
    known_head: Hex256 | None = None


class StatusStatement(Message, kw_only=True):
    """What the authority signs (CMS SignedData, encapsulated) about one certificate.

    `at` is the authority's time, which decides; `state` is null for a certificate that is not
    the account's. `audit_head` countersigns the authority's log towards the agent. `knows_head` is
    false when the head that the asker knows is not in that log: the database was put back.
    """

    purpose: Literal["status"] = "status"
    fingerprint_sha256: Hex256
    nonce: Nonce
    state: CertificateState | None
    crl_reason: CrlReason | None
    changed_at: Moment | None
    expires_at: Moment | None
    at: Moment
    audit_head: Hex256
    knows_head: bool = True


class Signed(Message, kw_only=True):
    """A statement of the authority: DER of CMS SignedData with the signer's certificate."""

    statement: bytes


class ReportRequest(Message, kw_only=True):
    """POST /v1/reports: lost, theft or malfunction; API key and the password asked again.

    `fingerprint_sha256` names the certificate; `last_held` is the last day the token was surely in
    its owner's hands (Europe/Rome), which retires backups registered after it.
    """

    reason: Reason
    fingerprint_sha256: Hex256
    last_held: date | None = None
    backup_stolen_too: bool = False
    destroyed_for_certain: bool = False
    password: str


class ReportView(Message, kw_only=True):
    """What the report did, at once.

    `cancelled_successors`: IdOperazione of the certificates that had come out of backups which,
    by this report, somebody else has; and of the others of the very key that was reported.
    """

    fingerprint_sha256: Hex256
    state: CertificateState
    crl_reason: CrlReason | None
    at: Moment
    retired_backups: list[BackupId]
    rejected_requests: list[str]
    cancelled_successors: list[str] = []


class CancellationPreviewRequest(Message, kw_only=True):
    """POST /v1/cancellations/preview."""

    operations: list[str]
    reason: Reason


class CancellationPreview(Message, kw_only=True):
    """What a cancellation would take in. `covered` goes back in the signed request."""

    cumulative: bool
    reason: Reason
    covered: list[OperationView]


class CancellationRequest(Message, kw_only=True):
    """POST /v1/cancellations, signed by an active certificate of the account.

    `covered` are the serial numbers the person was shown, sorted: a difference is refused.
    """

    purpose: Literal["cancel"] = "cancel"
    nonce: Nonce
    operations: list[str]
    reason: Reason
    note: Text = ""
    covered: list[str]


class CancellationView(Message, kw_only=True):
    """One IdOperazione, one reason, one transaction."""

    id_operazione: str
    cumulative: bool
    reason: Reason
    at: Moment
    covered: list[OperationView]


class ReissueRequest(Message, kw_only=True):
    """POST /v1/reissues: the token's PIN is gone for good; API key and the password asked again.

    `fingerprints` name every certificate whose key is given up: those on the token that is to be
    initialised anew. Nothing else is covered, and the first cancellation is not spent.
    """

    fingerprints: Annotated[list[Hex256], Meta(min_length=1, max_length=16)]
    password: str


class ReissueView(Message, kw_only=True):
    """What the re-issue ended, at once; a request for a new key comes by EST, under the policy."""

    at: Moment
    covered: list[OperationView]
    retired_backups: list[BackupId]


# --- backups ----------------------------------------------------------------------------------


class BackupView(Message, kw_only=True):
    """One backup as the authority keeps it (GET /v1/backups, /v1/backups/ID)."""

    backup_id: BackupId
    kind: BackupKind
    state: BackupState
    original_sha256: Hex256
    reserved_at: Moment
    registered_at: Moment | None = None
    container_sha256: Hex256 | None = None
    tries_remaining: int = 5
    requested_at: Moment | None = None
    approved_at: Moment | None = None
    approval_expires_at: Moment | None = None
    collected_at: Moment | None = None
    restored_at: Moment | None = None
    retired_at: Moment | None = None
    retired_why: str | None = None
    successor_sha256: Hex256 | None = None  # fingerprint of the successor's certificate
    retry_after_s: int | None = None
    place: BackupPlace = BackupPlace.FOLDER
    successor_key_sha256: Hex256 | None = None  # of its SubjectPublicKeyInfo


class ReserveRequest(Message, kw_only=True):
    """POST /v1/backups."""

    kind: BackupKind
    original_sha256: Hex256
    place: BackupPlace = BackupPlace.FOLDER


class Reservation(Message, kw_only=True):
    """The recovery key's public half, as a DER SubjectPublicKeyInfo on P-256.

    None for a successor on a token: nothing is encrypted, so there is nothing to recover.
    """

    backup_id: BackupId
    recovery_public_key: bytes | None
    authority_name: str
    authority_address: str
    at: Moment


class ConfirmRequest(Message, kw_only=True):
    """POST /v1/backups/ID/confirmation, signed by the original.

    `successor_csr` is a DER PKCS#10 made by the successor's key (its proof of possession);
    `pin_public_key` the raw 32 bytes of the PIN-derived Ed25519 key (RFC 8032).
    """

    purpose: Literal["backup.confirm"] = "backup.confirm"
    nonce: Nonce
    backup_id: BackupId
    container_sha256: Hex256
    successor_csr: bytes
    pin_public_key: bytes


class ActivationRequest(Message, kw_only=True):
    """POST /v1/backups/ID/activation, signed by the PIN-derived key."""

    purpose: Literal["backup.activate"] = "backup.activate"
    nonce: Nonce
    backup_id: BackupId
    container_sha256: Hex256
    reason: Reason


class CollectionRequest(Message, kw_only=True):
    """POST /v1/backups/ID/collection, signed by the PIN-derived key.

    `recipient_info` is the DER RecipientInfo (RFC 5652 §6.2.2) of the container;
    `ephemeral_public_key` the raw 32 bytes of an X25519 key made for this collection.
    """

    purpose: Literal["backup.collect"] = "backup.collect"
    nonce: Nonce
    backup_id: BackupId
    container_sha256: Hex256
    recipient_info: bytes
    ephemeral_public_key: bytes


class GrantStatement(Message, kw_only=True):
    """What the authority signs (CMS SignedData, encapsulated) when a backup is collected."""

    purpose: Literal["grant"] = "grant"
    backup_id: BackupId
    container_sha256: Hex256
    original_sha256: Hex256
    original_serial_number: str
    original_cancelled_at: Moment
    crl_reason: CrlReason
    successor_sha256: Hex256
    ephemeral_public_key: bytes
    nonce: Nonce
    at: Moment


class Collection(Message, kw_only=True):
    """What collecting gives: the grant, the content key sealed to us, the successor's certificate.

    `grant`: DER CMS SignedData over a GrantStatement; `sealed_key`: the 32-byte content key,
    HPKE base mode (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM), `info` = SHA-256 of `grant`;
    `certificate`: DER, issued for the successor in the same transaction.
    """

    grant: bytes
    sealed_key: bytes
    certificate: bytes


class RestorationRequest(Message, kw_only=True):
    """POST /v1/backups/ID/restoration, signed by the successor's key on its new token."""

    purpose: Literal["backup.restored"] = "backup.restored"
    nonce: Nonce
    backup_id: BackupId
    successor_sha256: Hex256


class RetireRequest(Message, kw_only=True):
    """POST /v1/backups/ID/retirement, signed by an active certificate of the account."""

    purpose: Literal["backup.retire"] = "backup.retire"
    nonce: Nonce
    backup_id: BackupId


# --- problems (RFC 9457) ----------------------------------------------------------------------


class Problem(Struct, frozen=True, kw_only=True):
    """`application/problem+json`; `code` is stable and one of `problems.ProblemCode`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    code: str
    data: dict[str, str | int | None] = {}
