"""The kind of an operation becomes what it was meant to be: lower case, and checked.

The column took the names of Python's enumeration ("ENROLL") for its values, and had no check: its
type had been named after the base class had read its map of types. The revision is counted by
`alembic_version` from here on, so the setting that stood for it goes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATES = ("requested", "generating", "active", "suspended", "expired", "cancelled", "rejected")
_KINDS = ("enroll", "reenroll", "activation")


def upgrade() -> None:
    """Rewrite the values, then build the table anew around them (SQLite alters no column)."""
    op.execute("UPDATE operations SET kind = lower(kind)")
    before = _operations()
    with op.batch_alter_table("operations", copy_from=before, recreate="always") as batch:
        batch.alter_column(
            "kind", existing_type=sa.String(10), type_=_choice("operationkind", _KINDS)
        )
    op.execute("DELETE FROM settings WHERE name = 'schema'")


def _choice(name: str, values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def _operations() -> sa.Table:
    """Describe the table as revision 0001 left it: SQLite does not tell its checks."""
    return sa.Table(
        "operations",
        sa.MetaData(),
        sa.Column("id", sa.String(20), primary_key=True),
        sa.Column("account_id", sa.Integer, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("file_name", sa.String(200), nullable=False),
        sa.Column("state", _choice("certificatestate", _STATES), nullable=False),
        sa.Column("csr", sa.LargeBinary, nullable=False),
        sa.Column("csr_sha256", sa.String(64), nullable=False),
        sa.Column("key_sha256", sa.String(64), nullable=False),
        sa.Column(
            "signer_id",
            sa.Integer,
            sa.ForeignKey("certificates.id", name="operation_signer"),
        ),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True)),
        sa.Column("outcome", sa.String(200)),
        sa.Index("ix_operations_account_id", "account_id"),
        sa.Index("ix_operations_csr_sha256", "csr_sha256"),
    )
