"""A successor's key must be of the same type and size as its original's. Pure."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_EXPONENT: Final = 65537


def public_key_of(thing: x509.Certificate | x509.CertificateSigningRequest) -> PublicKey | None:
    """Return the RSA or EC public key of a certificate or request; None for any other kind."""
    try:
        key = thing.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) else None


def same_kind(successor: PublicKey | None, original: PublicKey | None) -> bool:
    """Whether both keys have the same type and size: a backup is never weaker than its original."""
    match successor, original:
        case rsa.RSAPublicKey(), rsa.RSAPublicKey():
            size_fits = successor.key_size == original.key_size
            return size_fits and successor.public_numbers().e == _EXPONENT
        case ec.EllipticCurvePublicKey(), ec.EllipticCurvePublicKey():
            return successor.curve.name == original.curve.name
        case _:
            return False
