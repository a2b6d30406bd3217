"""Readers and cards behind PC/SC, noticed without ever talking to a card."""
