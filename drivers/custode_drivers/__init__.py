"""Drivers: what Custode is able to plug into."""
