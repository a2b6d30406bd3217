"""What CRL and OCSP say of an ended or suspended certificate; both read it here, so they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography import x509

from custode_authority.wire.reasons import CrlReason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from custode_authority.storage.tables import Certificate

# RFC 5280 §5.3.1; unspecified is never encoded, the extension is left out instead.
_FLAGS: Final[Mapping[CrlReason, x509.ReasonFlags | None]] = {
    CrlReason.UNSPECIFIED: None,
    CrlReason.KEY_COMPROMISE: x509.ReasonFlags.key_compromise,
    CrlReason.SUPERSEDED: x509.ReasonFlags.superseded,
    CrlReason.CESSATION_OF_OPERATION: x509.ReasonFlags.cessation_of_operation,
    CrlReason.CERTIFICATE_HOLD: x509.ReasonFlags.certificate_hold,
}


def since(certificate: Certificate) -> datetime:
    """Return since when it counts for nothing, in whole seconds.

    One that was suspended first is revoked since then: nothing it signed on hold counts.
    """
    at = certificate.suspended_at or certificate.cancelled_at or certificate.changed_at
    return at.replace(microsecond=0)


def reason_flag(certificate: Certificate) -> x509.ReasonFlags | None:
    """Return the reason to encode, or None."""
    return _FLAGS[certificate.crl_reason] if certificate.crl_reason else None
