"""Custode: the agent on the person's machine."""
