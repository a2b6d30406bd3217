"""Every table of the authority (SQLAlchemy 2, typed declarative).

Bytes are DER unless said otherwise; hashes and numbers in text are lower-case hex. No private key
is here in the clear: recovery keys are sealed (`ca.keys.Sealer`), passwords and API keys hashed.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    Date,
    ForeignKey,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from custode_authority.storage.columns import Utc, choice
from custode_authority.wire.reasons import CrlReason, Reason
from custode_authority.wire.states import BackupKind, BackupPlace, BackupState, CertificateState

HEX_256 = String(64)


class OperationKind(StrEnum):
    """How a request came in."""

    ENROLL = "enroll"
    REENROLL = "reenroll"
    ACTIVATION = "activation"


class Table(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class, nobody changes it
        datetime: Utc(),
        date: Date(),
        bytes: LargeBinary(),
        OperationKind: choice(OperationKind),
        CertificateState: choice(CertificateState),
        CrlReason: choice(CrlReason),
        Reason: choice(Reason),
        BackupKind: choice(BackupKind),
        BackupPlace: choice(BackupPlace),
        BackupState: choice(BackupState),
    }


class Account(Table):
    """One identity. `ceased`: its activity ended; a new certificate begins it again."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    identity_code: Mapped[str] = mapped_column(String(16), unique=True)
    codice_fiscale: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(200), default="")
    mail: Mapped[str] = mapped_column(String(200), default="")
    password_hash: Mapped[str] = mapped_column(String(200))  # Argon2id, PHC string
    password_failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    api_key_sha256: Mapped[str] = mapped_column(HEX_256, unique=True)
    api_key_last4: Mapped[str] = mapped_column(String(4))
    first_cancellation_spent: Mapped[bool] = mapped_column(default=False)
    ceased: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class Operation(Table):
    """One request for a certificate (*IdOperazione*).

    `state` is requested, generating or rejected while there is no certificate, and stays `active`
    once there is one: from then on the certificate's own state counts. `ready_at` is when a
    generating request may be issued; `outcome` the portal's words for a rejected one.
    """

    __tablename__ = "operations"

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    kind: Mapped[OperationKind]
    file_name: Mapped[str] = mapped_column(String(200), default="")
    state: Mapped[CertificateState]
    csr: Mapped[bytes]
    csr_sha256: Mapped[str] = mapped_column(HEX_256, index=True)
    key_sha256: Mapped[str] = mapped_column(HEX_256)
    signer_id: Mapped[int | None] = mapped_column(
        ForeignKey("certificates.id", use_alter=True, name="operation_signer")
    )
    requested_at: Mapped[datetime]
    ready_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(200))

    account: Mapped[Account] = relationship()
    certificate: Mapped[Certificate | None] = relationship(
        back_populates="operation", foreign_keys="Certificate.operation_id"
    )


class Certificate(Table):
    """One issued certificate and its fate. `revision` grows with every change of its fate."""

    __tablename__ = "certificates"

    id: Mapped[int] = mapped_column(primary_key=True)
    operation_id: Mapped[str] = mapped_column(ForeignKey("operations.id"), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    der: Mapped[bytes]
    serial_number: Mapped[str] = mapped_column(String(40), unique=True)
    fingerprint_sha256: Mapped[str] = mapped_column(HEX_256, unique=True)
    key_sha256: Mapped[str] = mapped_column(HEX_256, index=True)  # of the SubjectPublicKeyInfo
    key_id: Mapped[str] = mapped_column(String(40), index=True)  # hex of subjectKeyIdentifier
    not_before: Mapped[datetime]
    not_after: Mapped[datetime]
    issued_at: Mapped[datetime]
    predecessor_id: Mapped[int | None] = mapped_column(ForeignKey("certificates.id"))

    state: Mapped[CertificateState]
    revision: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime]
    crl_reason: Mapped[CrlReason | None]
    suspended_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    invalidity_date: Mapped[datetime | None]
    cancellation_id: Mapped[str | None] = mapped_column(ForeignKey("cancellations.id"))

    account: Mapped[Account] = relationship()
    operation: Mapped[Operation] = relationship(
        back_populates="certificate", foreign_keys=[operation_id]
    )


class Cancellation(Table):
    """One cancellation a person asked for; its free text is in the audit log only."""

    __tablename__ = "cancellations"

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    signer_id: Mapped[int] = mapped_column(
        ForeignKey("certificates.id", use_alter=True, name="cancellation_signer")
    )
    reason: Mapped[Reason]
    cumulative: Mapped[bool]
    at: Mapped[datetime]


class Report(Table):
    """One report of a loss, theft or fault of the token that carries a certificate."""

    __tablename__ = "reports"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    certificate_id: Mapped[int] = mapped_column(ForeignKey("certificates.id"), index=True)
    reason: Mapped[Reason]
    last_held: Mapped[date | None]
    backup_stolen_too: Mapped[bool]
    destroyed_for_certain: Mapped[bool]
    at: Mapped[datetime]


class NonceRow(Table):
    """A nonce for one signed request; `used_at` once spent."""

    __tablename__ = "nonces"

    nonce: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    purpose: Mapped[str] = mapped_column(String(40))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class PublicKey(Table):
    """A public key that belongs to an identity, for ever.

    `successor_of` names the backup whose successor it is, until that backup's grant.
    """

    __tablename__ = "public_keys"

    key_sha256: Mapped[str] = mapped_column(HEX_256, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    bound_at: Mapped[datetime]
    compromised_at: Mapped[datetime | None]
    successor_of: Mapped[str | None] = mapped_column(String(32))


class Backup(Table):
    """One backup of one original. `recovery_key_sealed` is NULL once it is destroyed.

    One on a spare token never has a recovery key, a container or a PIN key. A copy's key is the
    original's own: it has no `successor_key_sha256`.
    """

    __tablename__ = "backups"
    __table_args__ = (CheckConstraint("tries_used BETWEEN 0 AND 5", name="tries_in_range"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    kind: Mapped[BackupKind]
    place: Mapped[BackupPlace] = mapped_column(server_default=BackupPlace.FOLDER.value)
    state: Mapped[BackupState]
    original_id: Mapped[int] = mapped_column(ForeignKey("certificates.id"), index=True)
    original_sha256: Mapped[str] = mapped_column(HEX_256)

    # reserve
    reserved_at: Mapped[datetime]
    recovery_public_key: Mapped[bytes | None]  # SubjectPublicKeyInfo
    recovery_key_sealed: Mapped[bytes | None]
    # confirm
    registered_at: Mapped[datetime | None]
    container_sha256: Mapped[str | None] = mapped_column(HEX_256)
    successor_csr: Mapped[bytes | None]
    successor_key_sha256: Mapped[str | None] = mapped_column(HEX_256, unique=True)
    pin_public_key: Mapped[bytes | None]  # raw Ed25519, 32 bytes
    tries_used: Mapped[int] = mapped_column(default=0)  # wrong ones and those being checked
    wrong_pins: Mapped[int] = mapped_column(default=0)
    locked_at: Mapped[datetime | None]
    # activate, approve
    requested_at: Mapped[datetime | None]
    activation_nonce: Mapped[str | None] = mapped_column(String(64))
    activation_reason: Mapped[Reason | None]
    approved_at: Mapped[datetime | None]
    approval_expires_at: Mapped[datetime | None]
    approved_by: Mapped[str | None] = mapped_column(String(200))
    # collect
    collected_at: Mapped[datetime | None]
    successor_id: Mapped[int | None] = mapped_column(ForeignKey("certificates.id"))
    successor_sha256: Mapped[str | None] = mapped_column(HEX_256)  # of the certificate
    # restore, or the end
    restored_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]
    retired_why: Mapped[str | None] = mapped_column(String(200))

    account: Mapped[Account] = relationship()
    original: Mapped[Certificate] = relationship(foreign_keys=[original_id])
    successor: Mapped[Certificate | None] = relationship(foreign_keys=[successor_id])


class AuditEntry(Table):
    """One line of the hash-chained log; `data` is canonical JSON."""

    __tablename__ = "audit"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    name: Mapped[str] = mapped_column(String(60))
    data: Mapped[str] = mapped_column(Text)
    prev: Mapped[str] = mapped_column(HEX_256, unique=True)
    hash: Mapped[str] = mapped_column(HEX_256)


class CrlRow(Table):
    """A CRL that was signed; `revision` is the state of the certificates it tells."""

    __tablename__ = "crls"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    revision: Mapped[int]
    this_update: Mapped[datetime]
    next_update: Mapped[datetime]
    der: Mapped[bytes]


class Setting(Table):
    """A named number: `crl_revision`, which grows when the CRL must change."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int]


class Revision(Table):
    """Alembic's own table, in its own form: one row, the revision of all the others."""

    __tablename__ = "alembic_version"
    __table_args__ = (PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),)

    version_num: Mapped[str] = mapped_column(String(32))
