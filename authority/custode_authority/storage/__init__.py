"""What the authority remembers: tables, transactions, audit chain, nonces, the registry of keys."""
