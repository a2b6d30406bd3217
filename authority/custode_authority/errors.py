"""Errors of the authority.

AuthorityError
├── Refused         a request was understood and refused; becomes a problem document (RFC 9457)
├── HomeUnusable    the authority's folder is missing, incomplete, or in use by another process
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


class PortTaken(AuthorityError):
    """Another program listens on a port that is written into issued certificates."""

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} on 127.0.0.1 is taken by another program")
        self.port = port
