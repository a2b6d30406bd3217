"""For all tests: names that are the same in every process, and the authority's contract."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx


def pytest_configure(config: pytest.Config) -> None:
    """Ctrl-C reaches what the tests start, also where they run in a shell's background.

    There the shell has SIGINT ignored (POSIX, asynchronous lists), and every child inherits that.
    """
    del config
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Bytes get the argument's name: random ones would name a test anew in each process."""
    del config
    return argname if isinstance(val, bytes | bytearray) else None


# Which tests are to reach all of the pure packages (packaging/coverage.sh). Counting lines takes a
# third of a test's time: the others do without.
COUNTED = ("domain", "wire", "authority", "container", "escrow")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have lines counted in the tests of what is pure alone."""
    units = Path(__file__).parent / "unit"
    counted = tuple(units / name for name in COUNTED)
    for item in items:
        if not any(folder in item.path.parents for folder in counted):
            item.add_marker(pytest.mark.no_cover)


class Contract:
    """The authority's OpenAPI document, as the judge of every exchange of a test's client.

    `seen` holds each operation that was used, with the answer's status and its last request.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        from jsonschema import Draft202012Validator, FormatChecker

        self.document = document
        self.seen: dict[tuple[str, str, int], httpx.Request] = {}
        self._formats = FormatChecker(["date-time", "date"])
        self._validator = Draft202012Validator
        self._judges: dict[str, Any] = {}
        # A fixed path before one with a part that varies.
        self._paths = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path)
            for path in sorted(document["paths"], key=lambda path: "{" in path)
        ]

    def faults(self, schema: dict[str, Any], value: Any) -> list[str]:
        """What of a value does not fit a schema of the document."""
        name = json.dumps(schema)
        if name not in self._judges:
            whole = {**schema, "components": self.document["components"]}
            self._judges[name] = self._validator(whole, format_checker=self._formats)
        judge = self._judges[name]
        return [f"{one.json_path}: {one.message}" for one in judge.iter_errors(value)]

    def operation(self, request: httpx.Request) -> tuple[str, dict[str, Any]] | None:
        """The path in the document that a request goes to, with its operations."""
        asked = request.url.path
        found = (path for pattern, path in self._paths if pattern.fullmatch(asked))
        path = next(found, None)
        return None if path is None else (path, self.document["paths"][path])

    def check(self, response: httpx.Response) -> None:
        """Fail when an exchange is not as the document says (an event hook of httpx)."""
        response.read()
        request = response.request
        where = f"{request.method} {request.url.path}: {response.status_code}"
        found = self.operation(request)
        if found is None or request.method.lower() not in found[1]:
            assert response.status_code in {404, 405}, where
            self._check_body(where, {"$ref": "#/components/schemas/Problem"}, response)
            return
        path, operations = found
        operation = operations[request.method.lower()]
        self.seen[request.method.lower(), path, response.status_code] = request
        told = operation["responses"].get(str(response.status_code))
        assert told is not None, f"{where} is not in the document"
        for name in told.get("headers", {}):
            assert name in response.headers, f"{where}: no {name}"
        content = told.get("content")
        if content is None:
            assert response.content == b"", where
        else:
            kind = response.headers["content-type"]
            assert kind in content, f"{where}: {kind}"
            self._check_body(where, content[kind]["schema"], response)
        if response.is_success:
            self._check_request(where, operation, request)

    def _check_body(self, where: str, schema: dict[str, Any], response: httpx.Response) -> None:
        is_json = "json" in response.headers["content-type"]
        value = response.json() if is_json else response.text
        assert self.faults(schema, value) == [], where

    def _check_request(self, where: str, operation: dict[str, Any], request: httpx.Request) -> None:
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "header" and parameter["required"]:
                assert parameter["name"] in request.headers, f"{where}: {parameter['name']}"
        for scheme in operation["security"]:
            (name,) = scheme
            kind = self.document["components"]["securitySchemes"][name]["scheme"]
            assert request.headers["authorization"].lower().startswith(kind), where
        if "requestBody" not in operation:
            assert request.content == b"", where
            return
        ((kind, body),) = operation["requestBody"]["content"].items()
        if kind == "application/json":
            assert self.faults(body["schema"], json.loads(request.content)) == [], where
        else:
            assert request.headers["content-type"].partition(";")[0] == kind, where


@pytest.fixture(scope="session")
def contract() -> Any:
    """The authority's OpenAPI document, as a judge of exchanges; `seen` remembers them."""
    from custode_authority.web.app import published

    return Contract(json.loads(published()))
