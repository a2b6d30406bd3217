"""A backup may lie on a spare token: then it has no recovery key.

What there was lies in folders.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATES = (
    "reserved",
    "registered",
    "requested",
    "approved",
    "collected",
    "restored",
    "locked",
    "retired",
)
_REASONS = ("lost", "ceased", "theft", "renewal", "malfunction", "other")


def upgrade() -> None:
    """Build the table anew (SQLite alters no column)."""
    with op.batch_alter_table("backups", copy_from=_backups(), recreate="always") as batch:
        batch.alter_column("recovery_public_key", existing_type=sa.LargeBinary(), nullable=True)
        place = _choice("backupplace", ("folder", "token"))
        batch.add_column(sa.Column("place", place, nullable=False, server_default="folder"))


def _choice(name: str, values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def _backups() -> sa.Table:
    """Describe the table as revision 0002 left it: SQLite does not tell its checks."""
    certificate = "certificates.id"
    return sa.Table(
        "backups",
        sa.MetaData(),
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("account_id", sa.Integer, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("kind", _choice("backupkind", ("successor", "copy")), nullable=False),
        sa.Column("state", _choice("backupstate", _STATES), nullable=False),
        sa.Column("original_id", sa.Integer, sa.ForeignKey(certificate), nullable=False),
        sa.Column("original_sha256", sa.String(64), nullable=False),
        sa.Column("reserved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recovery_public_key", sa.LargeBinary, nullable=False),
        sa.Column("recovery_key_sealed", sa.LargeBinary),
        sa.Column("registered_at", sa.DateTime(timezone=True)),
        sa.Column("container_sha256", sa.String(64)),
        sa.Column("successor_csr", sa.LargeBinary),
        sa.Column("successor_key_sha256", sa.String(64)),
        sa.Column("pin_public_key", sa.LargeBinary),
        sa.Column("tries_used", sa.Integer, nullable=False),
        sa.Column("wrong_pins", sa.Integer, nullable=False),
        sa.Column("locked_at", sa.DateTime(timezone=True)),
        sa.Column("requested_at", sa.DateTime(timezone=True)),
        sa.Column("activation_nonce", sa.String(64)),
        sa.Column("activation_reason", _choice("reason", _REASONS)),
        sa.Column("approved_at", sa.DateTime(timezone=True)),
        sa.Column("approval_expires_at", sa.DateTime(timezone=True)),
        sa.Column("approved_by", sa.String(200)),
        sa.Column("collected_at", sa.DateTime(timezone=True)),
        sa.Column("successor_id", sa.Integer, sa.ForeignKey(certificate)),
        sa.Column("successor_sha256", sa.String(64)),
        sa.Column("restored_at", sa.DateTime(timezone=True)),
        sa.Column("retired_at", sa.DateTime(timezone=True)),
        sa.Column("retired_why", sa.String(200)),
        sa.CheckConstraint("tries_used BETWEEN 0 AND 5", name="tries_in_range"),
        sa.UniqueConstraint("successor_key_sha256"),
        sa.Index("ix_backups_account_id", "account_id"),
        sa.Index("ix_backups_original_id", "original_id"),
    )
