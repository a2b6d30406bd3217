"""The certification authority: its home, its keys, what it issues, cancels and signs."""
