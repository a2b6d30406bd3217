"""Frames between the daemon and its child processes."""
