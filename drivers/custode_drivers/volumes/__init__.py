"""Backup folders on sticks and in folders."""
