"""Virtual cards behind a real pcscd, for tests and demonstrations (docs/testing-cards.md)."""
