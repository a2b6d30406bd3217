"""Bring a backup to life, in order: inspect, ask, collect, open, restore."""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from custode.container import copied, folder, inner, iwk, outer, pin_key
from custode.jobs import certificates
from custode.jobs.backup_inside import hand_over, spki_of
from custode.jobs.errors import JobError
from custode_authority.wire import cms, reseal
from custode_authority.wire.messages import (
    ActivationRequest,
    CollectionRequest,
    GrantStatement,
    RestorationRequest,
)
from custode_authority.wire.reasons import Reason
from custode_authority.wire.states import BackupKind
from custode_drivers.channel.secrets import secret_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from custode.container.iwk import Container
    from custode.jobs.backup_inside import SuccessorKey
    from custode.jobs.context import Job
    from custode_drivers.portals.custode import CustodeClient

    PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


def inspect(job: Job) -> dict[str, Any]:
    """Read a folder and judge it from outside: no PIN, nothing opened, nothing sent about it.

    `signed` is true only when the certificate of this identity that the manifest names, as the
    authority lists it, verifies the container.
    """
    container = folder.read_container(Path(job.params["folder"]))
    original = bytes(job.params["original"]) if job.params.get("original") else None
    if original is not None:
        iwk.verify(container, x509.load_der_x509_certificate(original))
    manifest = container.manifest
    return {
        "backup_id": manifest.backup_id,
        "kind": manifest.kind,
        "identity_code": manifest.identity_code,
        "original_sha256": manifest.original_sha256,
        "successor_key_sha256": manifest.successor_sha256,
        "created_at": manifest.created.isoformat(),
        "authority_name": manifest.authority_name,
        "container_sha256": container.sha256,
        "signed": original is not None,
    }


def request(job: Job) -> dict[str, Any]:
    """Ask for the activation; the descriptor holds the backup PIN."""
    with _at_hand(job) as (authority, container, pin):
        signer = pin_key.derive(pin, container.manifest.salt)

        def make(nonce: str) -> ActivationRequest:
            return ActivationRequest(
                nonce=nonce,
                backup_id=container.manifest.backup_id,
                container_sha256=container.sha256,
                reason=Reason(job.params["reason"]),
            )

        view = authority.activate(make, signer.sign)
    result: dict[str, Any] = msgspec.to_builtins(view)
    return result


def open_(job: Job) -> dict[str, Any]:
    """Collect, decrypt in memory, prove the key by a challenge; writes nothing.

    Only a token can open a copy: with a pipe to one behind the PIN it is proved there, in a session
    of its own; without, what is collected is read as far as anybody else can.
    """
    with _at_hand(job) as (authority, container, pin):
        is_copy = container.manifest.kind is BackupKind.COPY
        has_token = len(job.fds) > 1
        if is_copy and has_token:
            _rehearse(job)
        opened = _collect(authority, container, pin)
        if not is_copy:
            _prove(_key(opened, container, pin))
        elif has_token:
            job.up("token.import", _handed_over(job, opened, pin))
        return {"proved": not is_copy or has_token, **opened.told()}


def restore(job: Job) -> dict[str, Any]:
    """Put the successor onto a token and tell the authority that it lives there.

    Descriptors: the backup PIN, and the write end of a pipe that the token's worker reads the key
    from (PKCS #8 DER; never on disk), or of a copy the key that unwraps it. The agent's
    `token.import`, `token.install` and `token.challenge` are safe to repeat, so a restore that
    broke off can be run again.
    """
    with _at_hand(job) as (authority, container, pin):
        is_copy = container.manifest.kind is BackupKind.COPY
        if is_copy:
            _rehearse(job)
        opened = _collect(authority, container, pin)
        job.progress("restore.importing")
        spki = opened.spki
        if is_copy:
            wanted = _handed_over(job, opened, pin)
        else:
            wanted = _written(job, _key(opened, container, pin))
        # Some cards have fixed places for keys: the token says under which id it keeps this one.
        key_id: str = job.up("token.import", wanted)["key_id"]
        job.up("token.install", {"key_id": key_id, "der": opened.certificate})
        job.up("token.challenge", {"key_id": key_id, "public_key": spki})
        job.progress("restore.confirming")
        fingerprint = hashlib.sha256(opened.certificate).hexdigest()

        def make(nonce: str) -> RestorationRequest:
            return RestorationRequest(
                nonce=nonce,
                backup_id=container.manifest.backup_id,
                successor_sha256=fingerprint,
            )

        authority.confirm_restored(make, job.token_signer(spki))
        return {"key_id": key_id, **opened.told()}


@dataclass(frozen=True, slots=True)
class Opened:
    """A collected backup whose recovery layer is open: its PIN layer, certificate and grant."""

    inside: bytes = field(repr=False)
    certificate: bytes
    grant: GrantStatement

    @property
    def public_key(self) -> PublicKey:
        """Return the key that the authority certified. :raises JobError: as `integrity`."""
        key = x509.load_der_x509_certificate(self.certificate).public_key()
        if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
            raise JobError("integrity", what="certificate")
        return key

    @property
    def spki(self) -> bytes:
        """Return its SubjectPublicKeyInfo, DER."""
        return self.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def told(self) -> dict[str, Any]:
        """What may be said about it."""
        return {
            **certificates.describe(x509.load_der_x509_certificate(self.certificate)),
            "grant": msgspec.to_builtins(self.grant),
        }


@contextmanager
def _at_hand(job: Job) -> Iterator[tuple[CustodeClient, Container, bytearray]]:
    """The authority, the container (verified against the identity's own record) and the PIN."""
    with (
        secret_from(job.fds[0]) as pin,
        job.authority() as authority,
    ):
        container = folder.read_container(Path(job.params["folder"]))
        iwk.verify(container, x509.load_der_x509_certificate(job.params["original"]))
        yield authority, container, pin


def _collect(authority: CustodeClient, container: Container, pin: bytearray) -> Opened:
    """Collect the content key under a key made now, in memory only, and open the outer layer.

    The certificate must be for the key that the manifest names.
    """
    ephemeral = x25519.X25519PrivateKey.generate()
    ephemeral_public = ephemeral.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signer: Ed25519PrivateKey = pin_key.derive(pin, container.manifest.salt)
    asked: list[CollectionRequest] = []

    def make(nonce: str) -> CollectionRequest:
        asked.append(
            CollectionRequest(
                nonce=nonce,
                backup_id=container.manifest.backup_id,
                container_sha256=container.sha256,
                recipient_info=iwk.recipient_info(container),
                ephemeral_public_key=ephemeral_public,
            )
        )
        return asked[-1]

    collected = authority.collect(make, signer.sign)
    grant = _checked_grant(authority, collected.grant, container, asked[-1])
    if hashlib.sha256(collected.certificate).hexdigest() != grant.successor_sha256:
        raise JobError("integrity", what="grant")
    content_key = reseal.open_sealed(collected.sealed_key, ephemeral, collected.grant)
    inside = outer.open_with_content_key(container.outer, content_key)
    opened = Opened(inside, collected.certificate, grant)
    if hashlib.sha256(opened.spki).hexdigest() != container.manifest.successor_sha256:
        raise JobError("integrity", what="certificate")
    if container.manifest.kind is BackupKind.COPY:
        copied.read(inside)  # refused now, while the folder is at hand, not only at its restore
    return opened


def _key(opened: Opened, container: Container, pin: bytearray) -> SuccessorKey:
    """Open the PIN layer of a successor."""
    return inner.open_sealed(opened.inside, pin, container.manifest.successor_sha256)


def _written(job: Job, key: SuccessorKey) -> dict[str, Any]:
    """Write a successor's key into the pipe to the token; gives what the token is told of it."""
    # 8 KiB at most: it fits a pipe's buffer, so this never blocks on a reader.
    with os.fdopen(job.fds.pop(1), "wb", buffering=0) as pipe:
        pipe.write(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    return {"key_id": cms.key_id(key.public_key()).hex(), "public_key": spki_of(key)}


def _handed_over(job: Job, opened: Opened, pin: bytearray) -> dict[str, Any]:
    """Write the key that unwraps a copy into the pipe; gives what the token is told of the copy."""
    copy = copied.read(opened.inside)
    hand_over(job, pin, copy.salt)
    key_id = cms.key_id(opened.public_key).hex()
    return {"key_id": key_id, "public_key": opened.spki, "wrapped": copy.wrapped}


def _rehearse(job: Job) -> None:
    """Have the token unwrap a throw-away key, before anything is asked of the authority."""
    original = x509.load_der_x509_certificate(job.params["original"]).public_key()
    spki = original.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    job.up("token.rehearse", {"public_key": spki})


def _checked_grant(
    authority: CustodeClient, signed: bytes, container: Container, asked: CollectionRequest
) -> GrantStatement:
    """A grant that is the authority's, for this backup, container, original and request.

    :raises JobError: `integrity` when any of them differs.
    """
    try:
        grant = msgspec.json.decode(authority.statement(signed), type=GrantStatement)
    except (cms.SignatureInvalid, msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise JobError("integrity", what="grant") from exc
    manifest = container.manifest
    told = (grant.backup_id, grant.container_sha256, grant.original_sha256)
    meant = (manifest.backup_id, container.sha256, manifest.original_sha256)
    answered = (grant.ephemeral_public_key, grant.nonce)
    if told != meant or answered != (asked.ephemeral_public_key, asked.nonce):
        raise JobError("integrity", what="grant")
    return grant


def _prove(key: SuccessorKey) -> None:
    """Sign a fresh challenge and verify it with the public half.

    :raises cryptography.exceptions.InvalidSignature: when the two halves do not belong together.
    """
    challenge = secrets.token_bytes(32)
    match key:
        case rsa.RSAPrivateKey():
            signature = key.sign(challenge, padding.PKCS1v15(), SHA256())
            key.public_key().verify(signature, challenge, padding.PKCS1v15(), SHA256())
        case ec.EllipticCurvePrivateKey():
            signature = key.sign(challenge, ec.ECDSA(SHA256()))
            key.public_key().verify(signature, challenge, ec.ECDSA(SHA256()))
