"""Backups at the authority: reserve, confirm, activate, approve, collect, restore, retire."""
