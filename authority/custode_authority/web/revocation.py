"""Behind plain HTTP: the CRL (RFC 5280 §4.2.1.13) and OCSP (RFC 6960 appendix A), nothing else.

Both are signed, so they need no TLS; and a client that asks about a server's certificate must not
have to ask about another one first (RFC 5280 §8).
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import anyio.to_thread

from custode_authority.ca import crl
from custode_authority.ca.home import CRL_PATH, OCSP_PATH
from custode_authority.ca.ocsp import Responder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from litestar.types import Receive, Scope, Send

    from custode_authority.ca.authority import Authority

    AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

CRL_TYPE: Final = b"application/pkix-crl"
REQUEST_TYPE: Final = b"application/ocsp-request"
RESPONSE_TYPE: Final = b"application/ocsp-response"
MAX_REQUEST: Final = 16 * 1024  # one certificate is asked about; a signed request brings a chain

_OCSP_GET: Final = OCSP_PATH + "/"


class _Answer(NamedTuple):
    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()


def revocation_app(authority: Authority) -> AsgiApp:
    """Return the application behind plain HTTP."""
    responder = Responder(authority)

    async def answer(scope: Any, receive: Any) -> _Answer:
        path, method = scope["path"], scope["method"]
        if path == CRL_PATH:
            if method not in {"GET", "HEAD"}:
                return _not_allowed(b"GET, HEAD")
            return _found(await anyio.to_thread.run_sync(crl.current, authority), CRL_TYPE)
        if path in {OCSP_PATH, _OCSP_GET}:
            if method != "POST":
                return _not_allowed(b"POST")
            if dict(scope["headers"]).get(b"content-type", b"").lower() != REQUEST_TYPE:
                return _Answer(415)
            request = await _body(receive)
            if request is None:
                return _Answer(413)
        elif path.startswith(_OCSP_GET):
            if method not in {"GET", "HEAD"}:
                return _not_allowed(b"GET, HEAD")
            request = _from_path(path.removeprefix(_OCSP_GET))
        else:
            return _Answer(404)
        return _found(await anyio.to_thread.run_sync(responder.answer, request), RESPONSE_TYPE)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raw: Any = scope  # the server calls with "http" only, having no lifespan and no websockets
        status, body, headers = await answer(raw, receive)
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
        shown = b"" if raw["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": shown, "more_body": False})

    return app


def _found(body: bytes, kind: bytes) -> _Answer:
    # Never from a cache: a suspension must be seen at once.
    return _Answer(200, body, ((b"content-type", kind), (b"cache-control", b"no-cache")))


def _not_allowed(methods: bytes) -> _Answer:
    return _Answer(405, headers=((b"allow", methods),))


def _from_path(encoded: str) -> bytes:
    """Return the DER of the last part of a GET's path; what is no base64 is no OCSPRequest."""
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return b""


async def _body(receive: Any) -> bytes | None:
    """Read a body; None when it is too large."""
    parts: bytes = b""
    while True:
        message = await receive()
        parts += message.get("body", b"")
        if len(parts) > MAX_REQUEST:
            return None
        if not message.get("more_body", False):
            return parts
