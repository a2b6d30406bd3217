"""Refusals and faults as problem documents (RFC 9457), made in one place."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException

from custode_authority.errors import Refused
from custode_authority.wire.messages import Problem
from custode_authority.wire.problems import STATUS, ProblemCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar import Request

    from custode_authority.errors import Data

PROBLEM_JSON: Final = "application/problem+json"
EST_PREFIX: Final = "/.well-known/est/"
_log = logging.getLogger("custode_authority")

_NOT_FOUND: Final = 404
_SERVER_FAULT: Final = 500


def on_refused(request: Request[Any, Any, Any], refused: Refused) -> Response[bytes]:
    """Answer with the refusal's own code; what it did was rolled back before."""
    headers = {}
    if refused.code is ProblemCode.WRONG_CREDENTIALS:
        est = request.url.path.startswith(EST_PREFIX)
        headers["WWW-Authenticate"] = 'Basic realm="custode"' if est else "Bearer"
    if (retry_after_s := refused.data.get("retry_after_s")) is not None:
        headers["Retry-After"] = str(retry_after_s)
    return problem(refused.code, detail=refused.detail, data=refused.data, headers=headers)


def on_http_error(_request: Request[Any, Any, Any], exc: HTTPException) -> Response[bytes]:
    """Answer what the framework refused: no such path, wrong method, body too large."""
    if exc.status_code >= _SERVER_FAULT:
        return problem(ProblemCode.INTERNAL, status=exc.status_code)
    absent = exc.status_code == _NOT_FOUND
    code = ProblemCode.NOT_FOUND if absent else ProblemCode.MALFORMED
    return problem(code, status=exc.status_code, detail=exc.detail)


def on_fault(request: Request[Any, Any, Any], exc: Exception) -> Response[bytes]:
    """Answer a fault of ours; the trace goes to the log only."""
    _log.error("%s %s failed", request.method, request.url.path, exc_info=exc)
    return problem(ProblemCode.INTERNAL)


def problem(
    code: ProblemCode,
    *,
    status: int | None = None,
    detail: str = "",
    data: Data | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response[bytes]:
    """Make a problem document; its HTTP status is the code's, unless the framework had another."""
    status = status or STATUS[code]
    document = Problem(
        title=code.value.replace("_", " "),
        status=status,
        detail=detail,
        code=code.value,
        data=data or {},
    )
    return Response(
        msgspec.json.encode(document),
        status_code=status,
        media_type=PROBLEM_JSON,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
