"""The OpenAPI 3.1 document of the counter; `web.app` publishes it.

Paths, parameters and names are Litestar's, out of the routes that serve. Bodies are msgspec's own
JSON Schemas of the very types that decode and encode them, so the document cannot say otherwise.
Loaded only when somebody asks for it.
"""

from __future__ import annotations

from collections import defaultdict
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, Final

import msgspec
from litestar import Litestar
from litestar.openapi.config import OpenAPIConfig
from litestar.routes import HTTPRoute
from litestar.utils.helpers import unwrap_partial

from custode_authority.web.described import OPT, Credential, Described, Media
from custode_authority.web.problems import PROBLEM_JSON
from custode_authority.wire.messages import Problem
from custode_authority.wire.problems import STATUS, ProblemCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from litestar.handlers import HTTPRouteHandler

Json = dict[str, Any]

VERSION: Final = "1"  # of the API, as in /v1
_REF: Final = "#/components/schemas/{name}"
_JSON: Final = "application/json"
_TOO_LARGE: Final = 413
_TEXT: Final[Json] = {"schema": {"type": "string"}}
_SECURITY: Final[dict[Credential, Json]] = {
    Credential.API_KEY: {
        "type": "http",
        "scheme": "bearer",
        "description": "The account's API key (RFC 6750 §2.1).",
    },
    Credential.BOOTSTRAP_KEY: {
        "type": "http",
        "scheme": "bearer",
        "description": "The bootstrap key, which lies on the authority's own computer.",
    },
    Credential.EST_BASIC: {
        "type": "http",
        "scheme": "basic",
        "description": "Identity code and API key (RFC 7030 §3.2.3).",
    },
}


def document(handlers: Sequence[Any]) -> Json:
    """Return the document of some handlers.

    :raises KeyError: named by its path, when one of them is not described.
    """
    config = OpenAPIConfig(
        "Custode: the authority's counter",
        VERSION,
        use_handler_docstrings=True,
        operation_id_creator=_operation_id,
    )
    told = Litestar(handlers, openapi_config=config)
    made: Json = told.openapi_schema.to_schema()
    endpoints = list(_endpoints(told, made["paths"]))
    schemas = _Schemas([one for _, _, one in endpoints])
    for path, method, one in endpoints:
        operation = made["paths"][path][method]
        operation["responses"] = dict(_responses(one, schemas))
        operation["security"] = [{one.asks.value: []}] if one.asks else []
        if one.takes is not None:
            operation["requestBody"] = {"required": True, "content": schemas.content(one.takes)}
        parameters = [
            *operation.get("parameters", []),
            *(
                {"name": name, "in": "header", "required": must, **_TEXT}
                for name, must in one.headers.items()
            ),
        ]
        if parameters:
            operation["parameters"] = parameters
    made["components"] = {
        "schemas": schemas.components,
        "securitySchemes": {name.value: scheme for name, scheme in _SECURITY.items()},
    }
    return made


def _operation_id(handler: HTTPRouteHandler, *_: Any) -> str:
    return f"{unwrap_partial(handler.fn).__module__.rpartition('.')[2]}.{handler.handler_name}"


def _endpoints(told: Litestar, paths: Json) -> Iterator[tuple[str, str, Described]]:
    for route in told.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for method, (handler, _) in route.route_handler_map.items():
            # Litestar's own, for OPTIONS and for its schema pages, are no part of the document.
            if method.lower() in paths.get(route.path_format, {}):
                if OPT not in handler.opt:
                    raise KeyError(f"{method} {route.path_format}")
                yield route.path_format, method.lower(), handler.opt[OPT]


class _Schemas:
    """The schemas of every body, each named once."""

    def __init__(self, endpoints: Sequence[Described]) -> None:
        bodies = [body for one in endpoints for body in (one.takes, one.gives)]
        types = [body for body in bodies if body is not None and not isinstance(body, Media)]
        found, components = msgspec.json.schema_components([*types, Problem], ref_template=_REF)
        self._found = [*zip(types, found, strict=False)]
        self.components: Json = {name: _clean(one) for name, one in sorted(components.items())}
        code = self.components["Problem"]["properties"]["code"]
        code["enum"] = sorted(member.value for member in ProblemCode)

    def content(self, body: Any) -> Json:
        """Return what stands under `content` for a body."""
        if isinstance(body, Media):
            schema = {"type": "string", "contentEncoding": "base64"}
            return {body.media_type: {"schema": schema}}
        schema = next(schema for kind, schema in self._found if kind == body)
        return {_JSON: {"schema": schema}}


def _clean(schema: Json) -> Json:
    if "description" in schema:
        schema["description"] = cleandoc(schema["description"])
    return schema


def _responses(one: Described, schemas: _Schemas) -> Iterator[tuple[str, Json]]:
    done: Json = {"description": "Done"}
    if one.gives is not None:
        done["content"] = schemas.content(one.gives)
    yield str(one.status), done
    if one.waits:
        headers = {"Retry-After": {"required": True, "schema": {"type": "string"}}}
        yield "202", {"description": "In generation: ask again, the same way", "headers": headers}
    refusals: defaultdict[int, set[ProblemCode]] = defaultdict(set)
    for code in (*one.refuses, ProblemCode.INTERNAL):
        refusals[STATUS[code]].add(code)
    if one.asks is not None:
        refusals[STATUS[ProblemCode.WRONG_CREDENTIALS]].add(ProblemCode.WRONG_CREDENTIALS)
    if one.takes is not None:
        for status in (STATUS[ProblemCode.MALFORMED], _TOO_LARGE):
            refusals[status].add(ProblemCode.MALFORMED)
    for status, codes in sorted(refusals.items()):
        yield str(status), _problem(codes)


def _problem(codes: set[ProblemCode]) -> Json:
    names = sorted(code.value for code in codes)
    schema = {
        "allOf": [{"$ref": _REF.format(name="Problem")}],
        "properties": {"code": {"enum": names}},
    }
    return {
        "description": "Refused: " + ", ".join(names),
        "content": {PROBLEM_JSON: {"schema": schema}},
    }
