"""Portals: where certificates are asked for and where their fate is decided."""
