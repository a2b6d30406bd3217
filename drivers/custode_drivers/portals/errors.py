"""Errors of the portals.

PortalError
├── PortalUnavailable   nobody answered in time, or the answer was a 502/503/504
├── PortalUntrusted     somebody answered who does not hold the pinned authority's certificate
├── PortalNonsense      the answer is not what the protocol says
└── PortalRefused       a problem document (RFC 9457): `code`, `detail`, `status`
"""

from __future__ import annotations


class PortalError(Exception):
    """Base of every error a portal raises."""


class PortalUnavailable(PortalError):
    """Nobody answered in time; nothing is known about what the portal did."""


class PortalUntrusted(PortalError):
    """The peer's certificate does not chain to the pinned authority; nothing was sent."""


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
