"""What a backup holds, by its kind: a fresh successor's key, or a copy of the original's own.

Both are made, sealed under the backup PIN, opened once more for a trial, and proved by a request
(PKCS#10) of their own key; everything else about a backup is the same.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from custode.container import copied, inner, pin_key
from custode.jobs.errors import JobError
from custode_authority.wire.states import BackupKind

if TYPE_CHECKING:
    from custode.jobs.context import Job

SuccessorKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Inside(Protocol):
    """What is saved. `spki`: its public half, DER SubjectPublicKeyInfo."""

    spki: bytes

    def seal(self, pin: bytearray) -> bytes:
        """Make the PIN layer, DER."""

    def trial(self, sealed: bytes, pin: bytearray) -> None:
        """Open the PIN layer once more before the outer one seals it: one that fails is none."""

    def csr(self, common_name: str) -> bytes:
        """Return a request of this key, DER: it proves that somebody has the key."""


def inside_of(kind: BackupKind, job: Job, original: x509.Certificate) -> Inside:
    """Return what a backup of that kind holds.

    :raises JobError: not_supported
    """
    return Copy(job, original) if kind is BackupKind.COPY else Successor(original)


class Successor:
    """A fresh software key of the original's type and size (backup.md, "What a backup is")."""

    def __init__(self, original: x509.Certificate) -> None:
        self._key = _key_like(original)
        self.spki = spki_of(self._key)

    def seal(self, pin: bytearray) -> bytes:
        return inner.seal(self._key, pin)

    def trial(self, sealed: bytes, pin: bytearray) -> None:
        inner.open_sealed(sealed, pin, hashlib.sha256(self.spki).hexdigest())

    def csr(self, common_name: str) -> bytes:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        builder = x509.CertificateSigningRequestBuilder().subject_name(name)
        return builder.sign(self._key, SHA256()).public_bytes(Encoding.DER)


class Copy:
    """The original's own key, which its token wraps; it is in the clear nowhere.

    Behind the PIN the job has two descriptors: write ends of the pipes from which the token's
    worker reads the key-encryption key, once to wrap and once to unwrap for the trial.
    """

    def __init__(self, job: Job, original: x509.Certificate) -> None:
        self._job = job
        self.spki = original.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )

    def seal(self, pin: bytearray) -> bytes:
        salt = copied.new_salt()
        hand_over(self._job, pin, salt)
        return copied.seal(salt, self._job.up("token.wrap", {})["wrapped"])

    def trial(self, sealed: bytes, pin: bytearray) -> None:
        # A key derived anew, from what a reader will find: not the one that it was wrapped under.
        read = copied.read(sealed)
        hand_over(self._job, pin, read.salt)
        self._job.up("token.try", {"wrapped": read.wrapped, "public_key": self.spki})

    def csr(self, common_name: str) -> bytes:
        request: bytes = self._job.up("token.csr", {"common_name": common_name})["csr"]
        return request


def hand_over(job: Job, pin: bytearray, salt: bytes) -> None:
    """Derive a copy's key-encryption key and write it into the next pipe behind the PIN."""
    write_end = job.fds.pop(1)
    key = copied.key_encryption_key(pin, salt)
    try:
        os.write(write_end, key)  # 32 bytes: a pipe takes them
    finally:
        pin_key.wipe(key)
        os.close(write_end)


def spki_of(key: SuccessorKey) -> bytes:
    """DER SubjectPublicKeyInfo of a private key's public half."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _key_like(original: x509.Certificate) -> SuccessorKey:
    match original.public_key():
        case rsa.RSAPublicKey() as key:
            return rsa.generate_private_key(65537, key.key_size)
        case ec.EllipticCurvePublicKey() as key:
            return ec.generate_private_key(key.curve)
        case _:
            raise JobError("not_supported", capability="successor key of this type")
