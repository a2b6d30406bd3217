"""Errors of the authority.

AuthorityError
├── Refused         a request was understood and refused; becomes a problem document (RFC 9457)
├── HomeUnusable    the authority's folder is missing or incomplete
│   ├── ServedAlready   another process serves it
│   └── DatabaseNewer   a newer version wrote its database
└── PortTaken       one of its two fixed ports is taken by another program
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from custode_authority.wire.problems import ProblemCode

Data = dict[str, str | int | None]


class AuthorityError(Exception):
    """Base of every error the authority raises on purpose."""


class Refused(AuthorityError):
    """The request is refused, and nothing of it was done.

    `code` is stable, `detail` one English sentence for the log, `data` what a sentence for a
    person needs.
    """

    def __init__(self, code: ProblemCode, detail: str = "", data: Data | None = None) -> None:
        super().__init__(f"{code}: {detail}" if detail else str(code))
        self.code = code
        self.detail = detail
        self.data: Data = data or {}


class HomeUnusable(AuthorityError):
    """The authority's folder cannot be used; the message says why."""


class ServedAlready(HomeUnusable):
    """Another process serves this folder."""


class DatabaseNewer(HomeUnusable):
    """The database has a revision that this version does not know; it is left as it is."""

    def __init__(self, found: str, newest: str) -> None:
        super().__init__(
            f"the database was written by a newer version of Custode: its revision is {found}, "
            f"this version knows up to {newest}; use that newer version"
        )
        self.found = found
        self.newest = newest


class PortTaken(AuthorityError):
    """Another program listens on a port that is written into issued certificates."""

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} on 127.0.0.1 is taken by another program")
        self.port = port
