"""The job worker's own error, and how every lower error becomes one.

A job answers either with a result or with `JobError(code, data)`: the code is one of
`custode.errors.ErrorCode`, which alone knows the sentence and the exit status.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from custode_drivers.portals.errors import (
    PortalClock,
    PortalError,
    PortalNonsense,
    PortalRefused,
    PortalRolledBack,
    PortalSilent,
    PortalUnavailable,
    PortalUntrusted,
)

if TYPE_CHECKING:
    from custode_authority.wire.problems import ProblemCode  # noqa: F401 - named in the docstring


class JobError(Exception):
    """A job that could not be done; `code` and `data` go to the agent as they are."""

    def __init__(self, code: str, /, **data: str | int | None) -> None:
        super().__init__(code)
        self.code = code
        self.data = data


def from_portal(error: PortalError) -> JobError:
    """Translate a portal's error: unavailable, untrusted, nonsense, refused (a `ProblemCode`)."""
    match error:
        case PortalRefused():
            return JobError(
                "authority_refused",
                problem=error.code,
                status=error.status,
                detail=error.detail,
                **{key: value for key, value in error.data.items() if key not in _OWN},
            )
        case PortalSilent():
            return JobError("authority_silent", why=str(error))
        case PortalClock():
            return JobError("clock_wrong", now=datetime.now(UTC).isoformat(timespec="minutes"))
        case PortalUnavailable():
            return JobError("authority_unavailable", why=str(error))
        case PortalUntrusted():
            return JobError("authority_untrusted", why=str(error))
        case PortalRolledBack():
            return JobError("authority_rolled_back")
        case PortalNonsense():
            return JobError("authority_nonsense", why=str(error))
        case _:
            return JobError("failed", kind=type(error).__name__)


_OWN = frozenset({"problem", "status", "detail", "code"})
