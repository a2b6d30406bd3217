"""What an endpoint takes, gives and refuses: said at its handler, told by the OpenAPI document."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from custode_authority.wire.problems import ProblemCode

if TYPE_CHECKING:
    from collections.abc import Mapping

OPT: Final = "described"  # where a handler carries it (Litestar's `opt`)
SIGNED: Final = (
    ProblemCode.SIGNATURE_REQUIRED,
    ProblemCode.SIGNATURE_INVALID,
    ProblemCode.NONCE_INVALID,
)


class Credential(StrEnum):
    """Who may ask; the values name security schemes of the document."""

    API_KEY = "apiKey"
    BOOTSTRAP_KEY = "bootstrapKey"
    EST_BASIC = "estBasic"


@dataclass(frozen=True, slots=True)
class Media:
    """A body that is no JSON: base64 of something binary."""

    media_type: str


@dataclass(frozen=True, slots=True)
class Described:
    """One endpoint.

    `takes` and `gives` are types that msgspec knows, or Media; None is an empty body. `waits` says
    that a 202 may come first (RFC 7030 §4.2.3). What every endpoint refuses alike (credentials, a
    malformed or overlong body, a fault) is not repeated in `refuses`.
    """

    gives: Any
    status: int
    takes: Any
    asks: Credential | None
    headers: Mapping[str, bool] = field(default_factory=dict)
    refuses: tuple[ProblemCode, ...] = ()
    waits: bool = False


def described(
    gives: Any,
    *,
    status: int = 200,
    takes: Any = None,
    asks: Credential | None = Credential.API_KEY,
    headers: Mapping[str, bool] | None = None,
    refuses: tuple[ProblemCode, ...] = (),
    waits: bool = False,
) -> dict[str, Any]:
    """Return the `opt` of a handler; `headers` names those it reads and whether they must come."""
    return {OPT: Described(gives, status, takes, asks, headers or {}, refuses, waits)}
