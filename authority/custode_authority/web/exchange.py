"""What every handler needs of an exchange: the authority, the strict body, the answer's bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from litestar import Response

from custode_authority.errors import Refused
from custode_authority.wire.problems import ProblemCode

if TYPE_CHECKING:
    from litestar import Request

    from custode_authority.ca.authority import Authority

T = TypeVar("T", bound=msgspec.Struct)
JSON: Final = "application/json"


def authority_of(request: Request[Any, Any, Any]) -> Authority:
    """Return the authority this server was opened with."""
    authority: Authority = request.app.state.authority
    return authority


def read_body(body: bytes, kind: type[T]) -> T:
    """Decode a JSON body; nothing unknown, nothing converted.

    :raises Refused: MALFORMED when it is not exactly such a message.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        # Only where and what kind of fault: values of the body (a password) stay out of the log.
        raise Refused(ProblemCode.MALFORMED, f"not a {kind.__name__}: {_fault(exc)}") from exc


def json_answer(message: object, *, status_code: int = 200) -> Response[bytes]:
    """Return a message, or a list of messages, as JSON."""
    return Response(
        msgspec.json.encode(message),
        status_code=status_code,
        media_type=JSON,
        headers={"Cache-Control": "no-store"},
    )


def _fault(exc: Exception) -> str:
    return str(exc) if isinstance(exc, msgspec.ValidationError) else "no JSON"
