"""A backup's folder in hand: read, matched to this identity's own records, judged by the gate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from custode.domain.gate import Purpose, blocked_here, facts_for, verdict
from custode.domain.spares import label_of, on_token
from custode.domain.standing import standing_of
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures.counter import answer_on, identity_of, refresh
from custode.procedures.session import identified

if TYPE_CHECKING:
    from collections.abc import Sequence

    from custode.daemon.context import Context
    from custode.domain.gate import GateReason
    from custode.domain.model import BackupRecord, CertificateRecord


class Gated(Protocol):
    """A backup that the gate judges: a folder in hand, or a record of one on a spare token."""

    @property
    def backup_id(self) -> str:
        """Whose state the authority is asked for."""

    @property
    def original_sha256(self) -> str:
        """Fingerprint of the certificate it is a backup of."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder whose container verified against `original`, a record of this identity."""

    path: str
    backup_id: str
    original: CertificateRecord
    seen: dict[str, Any]

    @property
    def original_sha256(self) -> str:
        fingerprint: str = self.seen["original_sha256"]
        return fingerprint

    def job_params(self) -> dict[str, Any]:
        """What every job on this folder takes."""
        return {"folder": self.path, "original": self.original.certificate}


async def read(ctx: Context, path: str) -> Folder:
    """Read a folder and match its signer by fingerprint to this identity's own certificates.

    No PIN is asked and nothing is sent anywhere before that (backup.md, "The address is a hint").
    :raises CustodeError: FILE_MISSING, CONTAINER_INVALID, BACKUP_OF_ANOTHER; BACKUP_ON_TOKEN when a
        backup is named that has no folder
    """
    identity = identity_of(ctx)
    if (record := spare_named(ctx, path)) is not None:
        serial = record.token.serial if record.token is not None else None
        raise CustodeError(
            ErrorCode.BACKUP_ON_TOKEN,
            backup=record.backup_id,
            token=label_of(ctx.state, record.token) or serial,
            serial=serial,
        )
    seen = await ctx.jobs.call("backup.inspect", {"folder": path})
    original = ctx.state.certificate(seen["original_sha256"])
    if original is None:
        await refresh(ctx)
        original = ctx.state.certificate(seen["original_sha256"])
    if original is None or original.certificate is None or seen["identity_code"] != identity.code:
        raise CustodeError(ErrorCode.BACKUP_OF_ANOTHER, path=path)
    seen = await ctx.jobs.call("backup.inspect", {"folder": path, "original": original.certificate})
    return Folder(path, seen["backup_id"], original, seen)


def spare_named(ctx: Context, path: str | None) -> BackupRecord | None:
    """The backup on a spare token whose id was given in the place of a folder."""
    record = ctx.state.backups.get(Path(path or "").name)
    return record if record is not None and on_token(record) else None


async def pass_gate(ctx: Context, folder: Gated, purpose: Purpose) -> None:
    """Ask the authority afresh and judge; the only way to a backup's PIN.

    :raises CustodeError: GATE_CLOSED with every reason
    """
    answer = await answer_on(ctx, folder.original_sha256, folder.backup_id)
    # Last, with nothing awaited before the verdict: a token that moved while the authority was
    # asked counts, and is waited for rather than refused as one not identified yet.
    await identified(ctx)
    judged = verdict(
        facts_for(
            ctx.state,
            purpose,
            backup_id=folder.backup_id,
            original_sha256=folder.original_sha256,
            answer=answer,
        )
    )
    _note(ctx, folder, purpose, judged.reasons)
    if not judged.allowed:
        raise CustodeError(
            ErrorCode.GATE_CLOSED, reasons=[told(reason) for reason in judged.reasons]
        )


async def stop_if_shut(ctx: Context, folder: Gated) -> None:
    """Stop before a key leaves our hands, if the original came back in the meantime.

    :raises CustodeError: GATE_CLOSED
    """
    await identified(ctx)
    facts = facts_for(
        ctx.state,
        Purpose.RESTORE,
        backup_id=folder.backup_id,
        original_sha256=folder.original_sha256,
    )
    if judged := blocked_here(facts):
        _note(ctx, folder, Purpose.RESTORE, judged)
        raise CustodeError(ErrorCode.GATE_CLOSED, reasons=[told(reason) for reason in judged])


def _note(ctx: Context, folder: Gated, purpose: Purpose, reasons: Sequence[GateReason]) -> None:
    ctx.audit.append(
        "gate_judged",
        {
            "backup_id": folder.backup_id,
            "purpose": purpose.value,
            "allowed": not reasons,
            "reasons": [reason.code.value for reason in reasons],
        },
    )


def told(reason: GateReason) -> dict[str, Any]:
    """One reason for people and scripts: the fact, and what would change it."""
    return {
        "code": reason.code.value,
        "remedy": reason.remedy.value,
        "text_args": dict(reason.text_args),
    }


async def show(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """What a folder is, or a backup on a spare token by its id; and whether it could be used now.

    What is on a spare is used by its activation, and opened by nothing.
    """
    if (spare := spare_named(ctx, str(params["folder"]))) is not None:
        return {
            "backup_id": spare.backup_id,
            "kind": spare.kind,
            "place": spare.place,
            "token": spare.token.serial if spare.token is not None else None,
            "label": label_of(ctx.state, spare.token),
            "identity_code": identity_of(ctx).code,
            "original_sha256": spare.original_sha256,
            "successor_key_sha256": spare.successor_key_sha256,
            "created_at": spare.created_at,
            "state": spare.state,
            "gate": _standing(ctx, spare, Purpose.ACTIVATE),
        }
    folder = await read(ctx, str(params["folder"]))
    record = ctx.state.backups.get(folder.backup_id)
    return {
        **folder.seen,
        "path": folder.path,
        "state": record.state if record else None,
        "tries_remaining": record.tries_remaining if record else None,
        "id_operazione": folder.original.id_operazione,
        "gate": _standing(ctx, folder, Purpose.OPEN),
    }


def _standing(ctx: Context, backup: Gated, purpose: Purpose) -> dict[str, Any]:
    """How the gate stands for one backup, by what is known here."""
    judged = standing_of(ctx.state, purpose, backup.backup_id, backup.original_sha256)
    return {"allowed": judged.allowed, "reasons": [told(reason) for reason in judged.reasons]}


async def verify(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Check a folder from outside: format, signature of the original, and that it is registered.

    :raises CustodeError: CONTAINER_INVALID, BACKUP_OF_ANOTHER, CONTAINER_MISMATCH
    """
    folder = await read(ctx, str(params["folder"]))
    await refresh(ctx)
    record = ctx.state.backups.get(folder.backup_id)
    registered = record.container_sha256 if record else None
    kind = record.kind if record else folder.seen["kind"]
    if registered not in {None, folder.seen["container_sha256"]} or kind != folder.seen["kind"]:
        raise CustodeError(ErrorCode.CONTAINER_MISMATCH)
    return {
        **folder.seen,
        "path": folder.path,
        "registered": registered is not None,
        "state": record.state if record else None,
    }
