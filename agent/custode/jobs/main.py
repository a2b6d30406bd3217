"""`python -m custode.jobs.main --channel-fd N`: serves jobs until its channel is closed."""

from __future__ import annotations

import argparse
import traceback
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import InvalidSignature

from custode.container.errors import (
    BackupPinRefused,
    ContainerError,
    ContainerInvalid,
    IdentityInside,
    IncludeRefused,
    NoSpace,
    NotABackup,
    NotWritten,
    Undecryptable,
)
from custode.jobs import account, activation, backup, certificates, counter, spare, volumes
from custode.jobs.context import Job
from custode.jobs.errors import JobError, from_portal
from custode_authority.wire.cms import SignatureInvalid
from custode_authority.wire.parameters import PIN_MIN_LENGTH
from custode_authority.wire.recovery import RecoveryFailed
from custode_authority.wire.reseal import UnsealFailed
from custode_drivers.api.errors import DriverError
from custode_drivers.channel.confinement import confine
from custode_drivers.channel.frames import ChildChannel, RemoteError, close_all
from custode_drivers.portals.errors import PortalError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from custode_drivers.channel.frames import Request

METHODS: Final[Mapping[str, Callable[[Job], dict[str, Any]]]] = {
    "account.create": account.create,
    "account.check": account.check,
    "csr.check": certificates.check_csr,
    "enroll": certificates.enroll,
    "overview": certificates.overview,
    "certificate.check": certificates.check,
    "facts": counter.facts,
    "report": counter.report,
    "reissue": counter.reissue,
    "cancel.preview": counter.preview,
    "cancel": counter.cancel,
    "backup.precheck": backup.precheck,
    "backup.create": backup.create,
    "backup.sweep": backup.sweep,
    "backup.retire": backup.retire,
    "backup.inspect": activation.inspect,
    "backup.request": activation.request,
    "backup.open": activation.open_,
    "backup.restore": activation.restore,
    "spare.register": spare.register,
    "spare.sweep": spare.sweep,
    "spare.request": spare.request,
    "spare.succeed": spare.succeed,
    "volumes.list": volumes.list_,
}


def main() -> None:
    """Serve one request after the other; ends when the agent closes its end."""
    parser = argparse.ArgumentParser(prog="custode-jobs")
    parser.add_argument("--channel-fd", type=int, required=True)
    confine()
    channel = ChildChannel.from_fd(parser.parse_args().channel_fd)
    try:
        while (received := channel.receive()) is not None:
            request, fds = received
            serve(channel, request, fds)
    finally:
        channel.close()


def serve(channel: ChildChannel, request: Request, fds: tuple[int, ...]) -> None:
    """Do one job and answer; whatever goes wrong becomes a code, never a traceback to a person."""
    job = Job(request.params, list(fds), channel.call)
    try:
        result = METHODS[request.method](job)
    except RemoteError as error:
        channel.fail(request.id, error.code, error.data)
    except Exception as error:  # noqa: BLE001 - the boundary: each error becomes a code
        failure = translate(error, request.method)
        if failure.code == "failed":
            traceback.print_exception(error)  # to the agent's log; jobs put no secret in messages
        channel.fail(request.id, failure.code, failure.data)
    else:
        channel.answer(request.id, result)
    finally:
        close_all(job.fds)


# Methods whose backup PIN is a new one; the others ask for the one that was chosen.
_CHOOSING: Final = frozenset({"backup.create"})
# Errors whose type says it all.
_CODES: Final[tuple[tuple[tuple[type[Exception], ...], str], ...]] = (
    ((ContainerInvalid, SignatureInvalid), "container_invalid"),
    ((Undecryptable, RecoveryFailed, UnsealFailed), "container_not_opened"),
    ((IdentityInside,), "identity_inside"),
)


def translate(error: Exception, method: str) -> JobError:
    """Give every lower error of a method its code."""
    for types, code in _CODES:
        if isinstance(error, types):
            return JobError(code)
    match error:
        case JobError():
            return error
        case PortalError():
            return from_portal(error)
        case DriverError():
            return JobError(error.code, **error.data)
        case InvalidSignature():
            return JobError("integrity", what="signature")
        case BackupPinRefused():
            code = "backup_pin_weak" if method in _CHOOSING else "backup_pin_unlike"
            return JobError(code, why=error.reason, min=PIN_MIN_LENGTH)
        case ContainerError() | OSError():
            return _of_files(error)
        case _:
            return JobError("failed", kind=type(error).__name__)


def _of_files(error: ContainerError | OSError) -> JobError:
    """What a file or a folder would not do."""
    match error:
        case IncludeRefused():
            return JobError("include_refused", name=error.name, why=error.reason)
        case NoSpace():
            return JobError("no_space", needed=error.needed, free=error.free)
        case NotWritten():
            return JobError("file_unwritable", path=str(error.path), why=error.why or None)
        case NotABackup():
            return JobError("not_a_backup", path=str(error.path))
        case FileNotFoundError() | NotADirectoryError():
            return JobError("file_missing", path=str(error.filename))
        case OSError():
            return JobError("file_unreadable", path=str(error.filename), why=error.strerror)
        case _:
            return JobError("failed", kind=type(error).__name__)


if __name__ == "__main__":
    main()
