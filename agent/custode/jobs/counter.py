"""Ask the authority what became of a certificate; report a loss; give up a token; cancel."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from custode_authority.wire.messages import (
    CancellationPreviewRequest,
    CancellationRequest,
    ReissueRequest,
    ReportRequest,
)
from custode_authority.wire.reasons import Reason
from custode_drivers.channel.secrets import secret_from

if TYPE_CHECKING:
    from custode.jobs.context import Job


def facts(job: Job) -> dict[str, Any]:
    """The authority's signed word on a certificate, and a backup's state, both asked afresh."""
    with job.authority() as authority:
        status = authority.status(job.params["fingerprint_sha256"])
        ceased = authority.account().ceased
        backup_id = job.params.get("backup_id")
        backup = authority.backup(backup_id) if backup_id else None
        successor = (
            authority.status(backup.successor_sha256)
            if backup and backup.successor_sha256
            else None
        )
    return {
        "status": msgspec.to_builtins(status),
        "backup": msgspec.to_builtins(backup) if backup else None,
        "successor": msgspec.to_builtins(successor) if successor else None,
        "ceased": ceased,
    }


def report(job: Job) -> dict[str, Any]:
    """Report lost, theft or malfunction; the descriptor holds the account's password."""
    last_held = job.params.get("last_held")
    with secret_from(job.fds[0]) as password, job.authority() as authority:
        request = ReportRequest(
            reason=Reason(job.params["reason"]),
            fingerprint_sha256=job.params["fingerprint_sha256"],
            last_held=date.fromisoformat(last_held) if last_held else None,
            backup_stolen_too=bool(job.params.get("backup_stolen_too", False)),
            # A JSON body needs text; the object dies with this short-lived process.
            password=password.decode("utf-8"),
        )
        done: dict[str, Any] = msgspec.to_builtins(authority.report(request))
    return done


def reissue(job: Job) -> dict[str, Any]:
    """Give up the certificates of a token; the descriptor holds the account's password."""
    with secret_from(job.fds[0]) as password, job.authority() as authority:
        request = ReissueRequest(
            fingerprints=job.params["fingerprints"],
            # A JSON body needs text; the object dies with this short-lived process.
            password=password.decode("utf-8"),
        )
        done: dict[str, Any] = msgspec.to_builtins(authority.reissue(request))
    return done


def preview(job: Job) -> dict[str, Any]:
    """What a cancellation would take in."""
    with job.authority() as authority:
        seen = authority.preview_cancellation(
            CancellationPreviewRequest(
                operations=job.params["operations"], reason=Reason(job.params["reason"])
            )
        )
    result: dict[str, Any] = msgspec.to_builtins(seen)
    return result


def cancel(job: Job) -> dict[str, Any]:
    """Cancel what the person was shown, signed by an active certificate on the token."""
    params = job.params

    def make(nonce: str) -> CancellationRequest:
        return CancellationRequest(
            nonce=nonce,
            operations=params["operations"],
            reason=Reason(params["reason"]),
            note=params.get("note", ""),
            covered=sorted(params["covered"]),
        )

    with job.authority() as authority:
        done = authority.cancel(make, job.token_signer(params["signer_spki"]))
    result: dict[str, Any] = msgspec.to_builtins(done)
    return result
