"""The authority's rules as tables and pure functions, and what retires backups."""
