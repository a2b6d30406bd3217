"""The authority's own keys, and the seal over the recovery keys it holds.

    keys/unlock          passphrase: 32 random bytes as hex, 0600
    keys/ca.key          P-384, encrypted PKCS #8 (RFC 5958) under it; signs certificates
    keys/statements.key  P-256, the same way; signs statuses and grants, certified by the CA
    keys/tls.key         P-256, the same way; the server's, certified by the CA
    keys/ocsp.key        P-256, the same way; signs OCSP answers; made when it is first needed

This protects against whoever gets a key file alone. Whoever reads the whole folder has the
passphrase as well: the embedded authority guards nothing that the same disk does not hold.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from custode_authority.ca import profiles
from custode_authority.ca.files import write_private
from custode_authority.errors import AuthorityError, HomeUnusable

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from custode_authority.ca.home import Home

_GCM_NONCE: Final = 12

# What is renewed by itself, each in keys/NAME.key and keys/NAME.pem.
_SERVER: Final = "tls"
_RESPONDER: Final = "ocsp"
_PROFILES: Final = {
    _SERVER: profiles.server_certificate,
    _RESPONDER: profiles.responder_certificate,
}


class SealBroken(AuthorityError):
    """Something sealed cannot be opened: another authority's, swapped or changed."""


class Sealer:
    """Seals secrets at rest with AES-256-GCM under a key made from the passphrase (RFC 5869)."""

    def __init__(self, passphrase: bytes) -> None:
        derive = HKDF(hashes.SHA256(), 32, salt=None, info=b"custode authority: recovery keys")
        self._cipher = AESGCM(derive.derive(passphrase))

    def seal(self, secret: bytes, about: str) -> bytes:
        """Seal `secret`; `about` (a backup's id) is bound to it. Gives nonce and ciphertext."""
        nonce = os.urandom(_GCM_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret, about.encode())

    def unseal(self, sealed: bytes, about: str) -> bytes:
        """Open what `seal` gave.

        :raises SealBroken: when it was changed, or sealed about something else.
        """
        try:
            return self._cipher.decrypt(sealed[:_GCM_NONCE], sealed[_GCM_NONCE:], about.encode())
        except (InvalidTag, ValueError) as exc:
            raise SealBroken("the seal does not fit") from exc


@dataclass(frozen=True, slots=True)
class Keys:
    """The unlocked keys with their certificates. `repr` shows nothing of them."""

    ca_key: ec.EllipticCurvePrivateKey
    ca_certificate: x509.Certificate
    statement_key: ec.EllipticCurvePrivateKey
    statement_certificate: x509.Certificate
    sealer: Sealer
    passphrase: bytes

    def __repr__(self) -> str:
        return "Keys(…)"


def make(home: Home, name: str, *, now: datetime) -> None:
    """Make all keys and certificates of a new authority, overwriting an unfinished attempt."""
    home.keys.mkdir(mode=0o700, exist_ok=True)
    passphrase = secrets.token_hex(32).encode()
    write_private(home.keys / "unlock", passphrase)
    ca_key = ec.generate_private_key(ec.SECP384R1())
    ca = profiles.ca_certificate(ca_key, name, now=now)
    _write_key(home.keys / "ca.key", ca_key, passphrase)
    _write_certificate(home.ca_certificate, ca)
    signer_key = ec.generate_private_key(ec.SECP256R1())
    signer = profiles.statement_certificate(signer_key.public_key(), ca, ca_key, now=now)
    _write_key(home.keys / "statements.key", signer_key, passphrase)
    _write_certificate(home.keys / "statements.pem", signer)
    _write_certified(home, _SERVER, ca, ca_key, passphrase, now=now)


def unlock(home: Home) -> Keys:
    """Read and decrypt the keys.

    :raises HomeUnusable: when one is missing or does not open.
    """
    try:
        passphrase = (home.keys / "unlock").read_bytes().strip()
        return Keys(
            ca_key=_read_key(home.keys / "ca.key", passphrase),
            ca_certificate=_read_certificate(home.ca_certificate),
            statement_key=_read_key(home.keys / "statements.key", passphrase),
            statement_certificate=_read_certificate(home.keys / "statements.pem"),
            sealer=Sealer(passphrase),
            passphrase=passphrase,
        )
    except (OSError, ValueError) as exc:
        raise HomeUnusable(f"the keys in {home.keys} cannot be opened: {exc}") from exc


def renew_tls(home: Home, keys: Keys, *, now: datetime) -> None:
    """Make a new server key and certificate when those at hand are missing or end soon."""
    _renewed(home, keys, _SERVER, now=now)


def responder(
    home: Home, keys: Keys, *, now: datetime
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Return the OCSP responder's key and certificate, new ones when they are missing or end soon.

    :raises OSError: when new ones cannot be written.
    """
    return _renewed(home, keys, _RESPONDER, now=now)


def _renewed(
    home: Home, keys: Keys, name: str, *, now: datetime
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    try:
        certificate = _read_certificate(home.keys / f"{name}.pem")
        key = _read_key(home.keys / f"{name}.key", keys.passphrase)
        fits = certificate.public_key() == key.public_key()
    except (OSError, ValueError):
        pass
    else:
        # One made while the clock was ahead would not be believed until that day.
        begun = certificate.not_valid_before_utc <= now
        if fits and begun and certificate.not_valid_after_utc - now > profiles.RENEW_BEFORE:
            return key, certificate
    ca, ca_key = keys.ca_certificate, keys.ca_key
    return _write_certified(home, name, ca, ca_key, keys.passphrase, now=now)


def _write_certified(
    home: Home,
    name: str,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    passphrase: bytes,
    *,
    now: datetime,
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Make a new key and its certificate; a crash in between leaves two that do not fit."""
    key = ec.generate_private_key(ec.SECP256R1())
    _write_key(home.keys / f"{name}.key", key, passphrase)
    certificate = _PROFILES[name](key.public_key(), ca, ca_key, now=now)
    _write_certificate(home.keys / f"{name}.pem", certificate)
    return key, certificate


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey, passphrase: bytes) -> None:
    write_private(
        path,
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase)),
    )


def _read_key(path: Path, passphrase: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(path.read_bytes(), passphrase)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path.name} is no EC key")
    return key


def _write_certificate(path: Path, certificate: x509.Certificate) -> None:
    write_private(path, certificate.public_bytes(Encoding.PEM))


def _read_certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())
