"""The whole counter as one ASGI application, and the CRL as another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread
from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from custode_authority.ca import crl
from custode_authority.ca.home import CRL_PATH
from custode_authority.errors import Refused
from custode_authority.web import api, backups, est
from custode_authority.web.problems import on_fault, on_http_error, on_refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from litestar.types import Receive, Scope, Send

    from custode_authority.ca.authority import Authority

    AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY: Final = 64 * 1024  # the largest message is a PKCS#10 of RSA 4096 in base64, in JSON


def counter_app(authority: Authority) -> Litestar:
    """Return the application behind HTTPS: EST, the JSON API, health."""
    return Litestar(
        route_handlers=[*est.HANDLERS, *api.HANDLERS, backups.router],
        state=State({"authority": authority}),
        exception_handlers={
            Refused: on_refused,
            HTTPException: on_http_error,
            Exception: on_fault,
        },
        request_max_body_size=MAX_BODY,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


def crl_app(authority: Authority) -> AsgiApp:
    """Return the application behind plain HTTP: the CRL (RFC 5280 §4.2.1.13), nothing else."""

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        raw: Any = scope  # the server calls with "http" only, having no lifespan and no websockets
        wanted = raw["path"] == CRL_PATH and raw["method"] in {"GET", "HEAD"}
        body = await anyio.to_thread.run_sync(crl.current, authority) if wanted else b""
        await send(
            {
                "type": "http.response.start",
                "status": 200 if wanted else 404,
                "headers": [
                    (b"content-type", b"application/pkix-crl"),
                    (b"content-length", str(len(body)).encode()),
                    (b"cache-control", b"no-cache"),
                ],
            }
        )
        await send(
            {
                "type": "http.response.body",
                "body": b"" if raw["method"] == "HEAD" else body,
                "more_body": False,
            }
        )

    return app
