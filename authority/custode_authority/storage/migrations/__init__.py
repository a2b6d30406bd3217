"""Migrations of the authority's database (Alembic); run by `storage.migrating`."""
