"""The whole counter as one ASGI application."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
from litestar import Litestar, Response, Router, get
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.plugins.core import MsgspecDIPlugin

from custode_authority.errors import Refused
from custode_authority.web import api, backups, est, spares
from custode_authority.web.described import described
from custode_authority.web.exchange import JSON
from custode_authority.web.problems import on_fault, on_http_error, on_refused

if TYPE_CHECKING:
    from litestar.plugins import PluginProtocol

    from custode_authority.ca.authority import Authority

MAX_BODY: Final = 64 * 1024  # the largest message is a PKCS#10 of RSA 4096 in base64, in JSON


@get("/v1/openapi.json", sync_to_thread=True, opt=described(dict[str, Any], asks=None))
def show_openapi() -> Response[bytes]:
    """Give this document."""
    return Response(published(), media_type=JSON)


HANDLERS: Final[list[HTTPRouteHandler | Router]] = [
    *est.HANDLERS,
    *api.HANDLERS,
    backups.router,
    spares.router,
    show_openapi,
]


@cache
def published() -> bytes:
    """Return the OpenAPI document of the counter, as JSON."""
    from custode_authority.web.openapi import document  # heavy, and seldom asked for

    return msgspec.json.encode(document(HANDLERS), order="sorted")


class _MsgspecOnly(Litestar):
    """Every message here is a msgspec Struct.

    Litestar loads pydantic and attrs for whoever has them installed, for whatever reason: 10 MB,
    and the longest part of an authority's start.
    """

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


def counter_app(authority: Authority) -> Litestar:
    """Return the application behind HTTPS: EST, the JSON API, health."""
    return _MsgspecOnly(
        route_handlers=HANDLERS,
        state=State({"authority": authority}),
        exception_handlers={
            Refused: on_refused,
            HTTPException: on_http_error,
            Exception: on_fault,
        },
        request_max_body_size=MAX_BODY,
        openapi_config=None,  # the document is made beside this, when it is asked for
        logging_config=None,
        debug=False,
    )
