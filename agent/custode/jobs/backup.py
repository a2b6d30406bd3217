"""Make a backup, registered in two phases: reserve, seal, write the folder, confirm."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from custode.container import folder, iwk, pin_key
from custode.container.errors import ContainerInvalid, NotABackup
from custode.container.folder import Draft, Written
from custode.container.leggimi import FILE_NAME as LEAFLET_NAME
from custode.container.leggimi import Leaflet
from custode.container.leggimi import render as leaflet_rtf
from custode.jobs.backup_inside import inside_of
from custode.jobs.errors import JobError
from custode.jobs.reservation import given_up
from custode_authority.wire.manifest import Manifest
from custode_authority.wire.messages import ConfirmRequest, ReserveRequest, RetireRequest
from custode_authority.wire.recovery import load_recovery_public_key
from custode_authority.wire.states import BackupKind
from custode_drivers.channel.secrets import secret_from

if TYPE_CHECKING:
    from custode.container.iwk import Container
    from custode.jobs.backup_inside import Inside
    from custode.jobs.context import Job
    from custode_authority.wire.messages import Reservation
    from custode_drivers.portals.custode import CustodeClient


class CreateParams(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of `create`; `original` is the DER certificate, `on` the date in the name.

    `device` is the volume that `to` lay on when the command was given (`folder.Draft`).
    """

    authority: dict[str, str]
    to: str
    device: int | None
    include: list[str]
    code: str
    codice_fiscale: str
    name: str
    original: bytes
    on: str
    support: str
    embedded: bool
    kind: BackupKind = BackupKind.SUCCESSOR


def precheck(job: Job) -> dict[str, Any]:
    """See before any PIN is asked for whether the folder could be written: place, space, files.

    :raises ContainerError: as `folder.write`; OSError, JobError: file_missing
    """
    to = Path(job.params["to"])
    if not to.is_dir():
        raise JobError("file_missing", path=str(to))
    sources = [Path(name) for name in job.params["include"]]
    folder.precheck(to, sources, job.params["private_texts"])
    return {}


def create(job: Job) -> dict[str, Any]:
    """Make one backup; the descriptor holds the backup PIN (of a copy more: see `Copy`).

    Order: reserve → seal and trial-open → write, read back, rename → confirm. A crash before the
    confirmation leaves at most a folder the authority does not know: dead, and swept away later.
    """
    params: CreateParams = job.read(CreateParams)
    original = x509.load_der_x509_certificate(params.original)
    fingerprint = hashlib.sha256(params.original).hexdigest()
    with (
        secret_from(job.fds[0]) as pin,
        job.authority() as authority,
        ThreadPoolExecutor(max_workers=1) as beside,
    ):
        pin_key.check(pin)
        reservation = authority.reserve(
            ReserveRequest(kind=params.kind, original_sha256=fingerprint)
        )
        job.journal("reserved", backup_id=reservation.backup_id)
        job.progress("backup.sealing")
        inside = inside_of(params.kind, job, original)
        manifest = _manifest(params, reservation, fingerprint, inside)
        # Beside scrypt, which uses one core; never beside another Argon2id (it has lanes itself).
        pin_public = beside.submit(_pin_public, pin, manifest.salt)
        sealed = inside.seal(pin)
        data = iwk.build(
            manifest,
            sealed,
            load_recovery_public_key(reservation.recovery_public_key),
            job.token_sign,
            original,
            trial=lambda made: inside.trial(made, pin),
        )
        container = iwk.parse(data)
        job.progress("backup.writing")
        written = _write(params, container, original)
        job.progress("backup.confirming")
        _confirm(job, authority, params, container, inside, pin_public.result(), written)
    return {
        "backup_id": manifest.backup_id,
        "folder": written.path.name,
        "path": str(written.path),
        "files": list(written.files),
        "container_sha256": container.sha256,
        "original_sha256": fingerprint,
        "kind": manifest.kind,
        "created_at": manifest.created.isoformat(),
    }


def _pin_public(pin: bytearray, salt: bytes) -> bytes:
    """Public half of the key by which the authority counts wrong PINs."""
    public_key = pin_key.derive(pin, salt).public_key()
    return public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _manifest(
    params: CreateParams, reservation: Reservation, fingerprint: str, inside: Inside
) -> Manifest:
    return Manifest(
        backup_id=reservation.backup_id,
        kind=params.kind,
        identity_code=params.code,
        original_sha256=fingerprint,
        successor_sha256=hashlib.sha256(inside.spki).hexdigest(),
        created=datetime.now(UTC).replace(microsecond=0),
        authority_name=reservation.authority_name,
        authority_address=reservation.authority_address,
        salt=pin_key.new_salt(),
    )


def _write(params: CreateParams, container: Container, original: x509.Certificate) -> Written:
    """Write the folder; what is read back must verify like any folder that comes in later."""

    def check(read_back: bytes) -> None:
        iwk.verify(iwk.parse(read_back), original)

    about = container.manifest
    leaflet = Leaflet(
        backup_id=about.backup_id,
        created=date.fromisoformat(params.on),
        authority_name=about.authority_name,
        support=params.support,
        embedded_authority=params.embedded,
        kind=params.kind,
    )
    draft = Draft(
        container=container,
        leaflet=leaflet_rtf(leaflet),
        day=date.fromisoformat(params.on),
        device=params.device,
        includes=[Path(name) for name in params.include],
        private_texts=[text for text in (params.codice_fiscale, params.name) if text],
    )
    return folder.write(Path(params.to), draft, check)


def _confirm(
    job: Job,
    authority: CustodeClient,
    params: CreateParams,
    container: Container,
    inside: Inside,
    pin_public: bytes,
    written: Written,
) -> None:
    """Register what was written; if the authority refuses, the folder does not stay."""
    csr = inside.csr(params.codice_fiscale)
    backup_id = container.manifest.backup_id

    def make(nonce: str) -> ConfirmRequest:
        return ConfirmRequest(
            nonce=nonce,
            backup_id=backup_id,
            container_sha256=container.sha256,
            successor_csr=csr,
            pin_public_key=pin_public,
        )

    original = x509.load_der_x509_certificate(params.original)
    spki = original.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        authority.confirm(make, job.token_signer(spki))
    except Exception:
        # Refused, or nobody knows. Only a registration of exactly this container may stay; what is
        # given up is given up at the authority first, so that no confirmation comes in afterwards.
        if given_up(authority, backup_id) is None:
            folder.remove(written, container.sha256)
            raise


def sweep(job: Job) -> dict[str, Any]:
    """After a crash: finish or undo a backup by what the authority says of it.

    A confirmed one stays (`registered`: True, with its `path`). Any other folder of it goes.

    :raises JobError: file_missing while the place it was written to is not here (a pulled stick)
    """
    params = job.params
    backup_id: str = params["backup_id"]
    to = Path(params["to"])
    with job.authority() as authority:
        view = given_up(authority, backup_id)
    if not to.is_dir():
        raise JobError("file_missing", path=str(to))
    removed = [str(to)] if folder.remove_stale(to, backup_id) else []
    found = _folder_of(to, params["code"], backup_id)
    if view is not None:
        return {
            "registered": True,
            "removed": removed,
            "path": str(found[0]) if found else None,
        }
    if found is not None:
        path, digest = found
        names = (folder.CONTAINER_NAME, LEAFLET_NAME, *(Path(i).name for i in params["include"]))
        folder.remove(Written(path, names), digest)
        removed.append(str(path))
    return {"registered": False, "removed": removed, "path": None}


def _folder_of(to: Path, code: str, backup_id: str) -> tuple[Path, str] | None:
    """The complete folder of one backup in `to`, and its container's hash."""
    for path in sorted(to.glob(f"{code}_*")) if to.is_dir() else ():
        try:
            container = folder.read_container(path)
        except (ContainerInvalid, NotABackup, OSError):
            continue
        if container.manifest.backup_id == backup_id:
            return path, container.sha256
    return None


def retire(job: Job) -> dict[str, Any]:
    """Declare one backup dead, signed by an active certificate on the token."""
    backup_id: str = job.params["backup_id"]

    def make(nonce: str) -> RetireRequest:
        return RetireRequest(nonce=nonce, backup_id=backup_id)

    with job.authority() as authority:
        view = authority.retire(make, job.token_signer(job.params["signer_spki"]))
    result: dict[str, Any] = msgspec.to_builtins(view)
    return result
