"""A successor on a spare token: its key registered, its activation asked for, and collected.

`token.sign` is the token that the operation is about; while a spare is registered that is the
original, and `spare.sign` the spare.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from custode.jobs import certificates
from custode.jobs.errors import JobError
from custode.jobs.reservation import given_up
from custode_authority.wire import cms
from custode_authority.wire.messages import ReserveRequest, RestorationRequest
from custode_authority.wire.reasons import Reason
from custode_authority.wire.spare_messages import (
    SpareActivationRequest,
    SpareCollectionRequest,
    SpareConfirmRequest,
    SpareGrantStatement,
)
from custode_authority.wire.states import BackupKind, BackupPlace

if TYPE_CHECKING:
    from collections.abc import Callable

    from custode.jobs.context import Job
    from custode_authority.wire.messages import BackupView
    from custode_drivers.portals.custode import CustodeClient


def register(job: Job) -> dict[str, Any]:
    """Reserve, then confirm with both signatures; the key lies on the spare already.

    A registration that is refused, or of which nobody knows, is given up at the authority first, so
    that no confirmation comes in afterwards; the backup's row instead when it came in after all.
    """
    params = job.params
    original = x509.load_der_x509_certificate(params["original"])
    spki = original.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with job.authority() as authority:
        reserved = authority.reserve(
            ReserveRequest(
                kind=BackupKind.SUCCESSOR,
                original_sha256=hashlib.sha256(params["original"]).hexdigest(),
                place=BackupPlace.TOKEN,
            )
        )
        backup_id = reserved.backup_id
        job.journal("reserved", backup_id=backup_id)

        def make(nonce: str) -> SpareConfirmRequest:
            return SpareConfirmRequest(
                nonce=nonce, backup_id=backup_id, successor_csr=params["successor_csr"]
            )

        job.progress("backup.confirming")
        successor = _spare_signer(job, params["successor_spki"])
        try:
            view = authority.confirm_spare(make, job.token_signer(spki), successor)
        except Exception:
            found = given_up(authority, backup_id)
            if found is None:
                job.journal("abandoned", backup_id=backup_id)
                raise
            view = found
    return _told(view)


def _spare_signer(job: Job, spki: bytes) -> Callable[[bytes], bytes]:
    public_key = load_der_public_key(spki)
    if not isinstance(public_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise JobError("not_supported", capability="successor key of this type")

    def raw(data: bytes) -> bytes:
        signature: bytes = job.up("spare.sign", {"data": data})["signature"]
        return signature

    def sign(body: bytes) -> bytes:
        return cms.sign(body, raw, public_key, detached=True)

    return sign


def sweep(job: Job) -> dict[str, Any]:
    """After a crash: the backup, if its registration came in; else its reservation is given up."""
    with job.authority() as authority:
        view = given_up(authority, job.params["backup_id"])
    return {"backup": None if view is None else _told(view)}


def request(job: Job) -> dict[str, Any]:
    """Ask for the activation, signed by the spare's key."""
    params = job.params

    def make(nonce: str) -> SpareActivationRequest:
        return SpareActivationRequest(
            nonce=nonce, backup_id=params["backup_id"], reason=Reason(params["reason"])
        )

    with job.authority() as authority:
        return _told(authority.activate_spare(make, job.token_signer(params["spki"])))


def succeed(job: Job) -> dict[str, Any]:
    """Collect, put the certificate onto the spare, have it prove itself, and confirm.

    The agent's `token.install` and `token.challenge` are safe to repeat, so that one that broke off
    can be run again: the authority gives the same certificate until it has the confirmation.
    """
    params = job.params
    signer = job.token_signer(params["spki"])
    with job.authority() as authority:
        certificate, grant = _collect(authority, params, signer)
        fingerprint = hashlib.sha256(certificate).hexdigest()
        job.journal("collected", successor_sha256=fingerprint)
        job.up("token.install", {"der": certificate})
        job.up("token.challenge", {})
        job.progress("restore.confirming")

        def make(nonce: str) -> RestorationRequest:
            return RestorationRequest(
                nonce=nonce, backup_id=params["backup_id"], successor_sha256=fingerprint
            )

        authority.confirm_restored(make, signer)
    described = certificates.describe(x509.load_der_x509_certificate(certificate))
    return {**described, "grant": msgspec.to_builtins(grant)}


def _collect(
    authority: CustodeClient, params: dict[str, Any], signer: Callable[[bytes], bytes]
) -> tuple[bytes, SpareGrantStatement]:
    """The successor's certificate and the grant, which must be for this backup, key and request.

    :raises JobError: `integrity` when anything differs
    """
    asked: list[SpareCollectionRequest] = []

    def make(nonce: str) -> SpareCollectionRequest:
        asked.append(SpareCollectionRequest(nonce=nonce, backup_id=params["backup_id"]))
        return asked[-1]

    collected = authority.collect_spare(make, signer)
    try:
        statement = authority.statement(collected.grant)
        grant = msgspec.json.decode(statement, type=SpareGrantStatement)
    except (cms.SignatureInvalid, msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise JobError("integrity", what="grant") from exc
    told = (grant.backup_id, grant.original_sha256, grant.nonce, grant.successor_key_sha256)
    spki: bytes = params["spki"]
    meant = (
        params["backup_id"],
        params["original_sha256"],
        asked[-1].nonce,
        hashlib.sha256(spki).hexdigest(),
    )
    if told != meant:
        raise JobError("integrity", what="grant")
    if hashlib.sha256(collected.certificate).hexdigest() != grant.successor_sha256:
        raise JobError("integrity", what="grant")
    key = x509.load_der_x509_certificate(collected.certificate).public_key()
    if key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != spki:
        raise JobError("integrity", what="certificate")
    return collected.certificate, grant


def _told(view: BackupView) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(view)
    return told
