"""Alembic's own entry: runs on the connection it is handed, inside the transaction begun there."""

from __future__ import annotations

from alembic import context

from custode_authority.storage.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
