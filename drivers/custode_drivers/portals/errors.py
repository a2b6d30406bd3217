"""Errors of the portals.

PortalError
├── PortalUnavailable   nobody is there, or the answer was a 502/503/504
├── PortalSilent        the request was sent, and no whole answer came in time
├── PortalClock         the pinned authority's certificate does not hold at this computer's time
├── PortalUntrusted     somebody answered who does not hold the pinned authority's certificate
├── PortalRolledBack    the portal's own log does not know any more what it signed before
├── PortalNonsense      the answer is not what the protocol says
└── PortalRefused       a problem document (RFC 9457): `code`, `detail`, `status`
"""

from __future__ import annotations


class PortalError(Exception):
    """Base of every error a portal raises."""


class PortalUnavailable(PortalError):
    """Nobody is there to answer; the portal did nothing."""


class PortalSilent(PortalError):
    """No whole answer came in time; nothing is known about what the portal did."""


class PortalClock(PortalError):
    """The peer's certificate is not valid at the time this computer shows; nothing was sent."""


class PortalUntrusted(PortalError):
    """The peer's certificate does not chain to the pinned authority; nothing was sent."""


class PortalRolledBack(PortalError):
    """The portal's database was put back to an earlier state; its word counts no more."""


class PortalNonsense(PortalError):
    """The answer cannot be read as the protocol says."""


class PortalRefused(PortalError):
    """The portal refused; nothing was changed there.

    `status` is the HTTP status, `code` the portal's stable code, `detail` its own words.
    """

    def __init__(
        self, code: str, status: int, detail: str, data: dict[str, str | int | None]
    ) -> None:
        super().__init__(f"{code} ({status}): {detail}")
        self.code = code
        self.status = status
        self.detail = detail
        self.data = data
