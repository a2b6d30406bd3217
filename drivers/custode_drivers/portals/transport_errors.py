"""What TLS says that means something of its own to us; without loading an HTTP client."""

from __future__ import annotations

from typing import Final

WRONG_TIME: Final = frozenset({9, 10})
"""Verification errors of a certificate that is not yet valid, or expired (OpenSSL, x509_vfy.h)."""
