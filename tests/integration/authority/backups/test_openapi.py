"""The OpenAPI document is true: of each route, each answer, and each request it calls wrong."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import openapi_spec_validator
import pytest
from litestar.routes import HTTPRoute
from tests.integration.authority.backups.spares import fingerprint_of, registered

from custode_authority.web import openapi
from custode_authority.web.app import counter_app, published
from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

PUBLISHED = Path(__file__).resolve().parents[4] / "docs" / "openapi.json"


def test_it_is_openapi(contract: Any) -> None:
    assert contract.document["openapi"].startswith("3.1")
    openapi_spec_validator.validate(contract.document)


def test_it_tells_of_every_route_and_method(counter: Any, contract: Any) -> None:
    served = {
        (route.path_format, method.lower())
        for route in counter_app(counter.authority).routes
        if isinstance(route, HTTPRoute)
        for method in route.methods
        if method != "OPTIONS"
    }
    told = {(path, method) for path, item in contract.document["paths"].items() for method in item}
    assert served == told


def test_an_endpoint_that_is_not_described_is_found() -> None:
    from litestar import get

    @get("/v1/forgotten", sync_to_thread=False)
    def forgotten() -> str:
        """Say nothing."""
        return ""

    with pytest.raises(KeyError, match="GET /v1/forgotten"):
        openapi.document([forgotten])


def test_it_is_served_and_committed_as_it_is(counter: Any) -> None:
    answer = counter.client.get("/v1/openapi.json")
    assert answer.content == published()
    fresh = msgspec.json.format(published(), indent=2) + b"\n"
    assert PUBLISHED.read_bytes() == fresh, "docs/openapi.json is old: `make openapi` writes it"
    assert b"http" not in answer.content.replace(b'"type":"http"', b"")  # names no other place


def test_problems_are_the_stable_ones(contract: Any) -> None:
    codes = contract.document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert codes == sorted(ProblemCode)


def _life(counter: Any) -> None:
    """Everything that can be asked, once."""
    anna, client = counter.person(), counter.client
    for path in ("/healthz", "/.well-known/est/cacerts", "/.well-known/est/csrattrs"):
        assert client.get(path).is_success
    assert client.get("/v1/openapi.json").is_success
    bootstrap = counter.authority.home.bootstrap_key.read_text()
    account = {"identity_code": "NEW1", "codice_fiscale": "C" * 16, "password": "long enough"}
    bearer = {"Authorization": f"Bearer {bootstrap}"}
    assert client.post("/v1/accounts", json=account, headers=bearer).status_code == 201
    original = anna.original()
    counter.set_policy(generation_s=60)
    assert anna.enrol(_key(), original).status_code == 202
    counter.set_policy(generation_s=0)
    anna.original(signer=anna.original(signer=original), path="simplereenroll")
    anna.get("/v1/account", Any)
    row = anna.operation(original.fingerprint)
    anna.get(f"/v1/certificates/{row.id_operazione}", Any)
    query = {"fingerprint_sha256": original.fingerprint, "nonce": "n" * 20}
    assert anna.post("/v1/status", json.dumps(query).encode()).is_success
    anna.get("/v1/backups", Any)
    unfinished = anna.folder(original)
    assert anna.post(f"/v1/backups/{unfinished.backup_id}/abandonment", b"").is_success
    assert anna.retire(anna.backup(original), original).is_success
    folder = anna.backup(original)
    anna.view(folder)
    anna.report(original)
    assert anna.activate(folder).is_success
    successor = anna.successor(folder, anna.collected(folder))
    assert anna.restore(folder, successor).is_success
    again = {"fingerprints": [successor.fingerprint], "password": "correct horse"}
    assert anna.post("/v1/reissues", json.dumps(again).encode()).is_success
    bruno = counter.person("XYZ789")
    his = bruno.original()
    about = {"operations": [bruno.operations()[-1].id_operazione], "reason": "other"}
    shown = bruno.post("/v1/cancellations/preview", json.dumps(about).encode()).json()
    covered = sorted(one["serial_number"] for one in shown["covered"])
    signed = {**about, "nonce": bruno.nonce("cancel"), "covered": covered}
    body = json.dumps(signed).encode()
    headers = {"Custode-Signature": _b64(his.sign(body))}
    assert bruno.post("/v1/cancellations", body, headers).is_success
    _spare_life(bruno)


def _spare_life(person: Any) -> None:
    original = person.original()
    spare = registered(person, original)
    person.report(original)
    assert spare.activate().is_success
    assert spare.restored(fingerprint_of(spare.collected().certificate)).is_success


def _key() -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _b64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()


def _spoilt(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same body, wrong in each of its parts."""
    yield {**body, "unknown": 1}
    for name, value in body.items():
        without = copy.deepcopy(body)
        del without[name]
        yield without
        others: list[Any] = [7, "§", None, []]
        yield from ({**body, name: other} for other in others if other != value)


def test_every_exchange_is_as_it_says(counter: Any, contract: Any) -> None:
    contract.seen.clear()
    _life(counter)
    done = {
        (method, path, int(status))
        for path, item in contract.document["paths"].items()
        for method, operation in item.items()
        for status in operation["responses"]
        if status.startswith("2")
    }
    waits = ("post", "/.well-known/est/simplereenroll", 202)
    assert done - set(contract.seen) == {waits}

    refused = accepted = 0
    succeeded = [one for one in contract.seen.items() if one[0][2] in {200, 201}]
    for (method, path, _), request in succeeded:
        content = contract.document["paths"][path][method].get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            continue
        schema = content["application/json"]["schema"]
        headers = {name: request.headers[name] for name in ("authorization", "content-type")}
        for body in _spoilt(json.loads(request.content)):
            answer = counter.client.post(request.url.path, json=body, headers=headers)
            if contract.faults(schema, body):
                assert (answer.status_code, answer.json()["code"]) == (400, "malformed"), body
                refused += 1
            elif answer.status_code != 400:
                accepted += 1  # it is read, and refused or done for what it says
    assert refused > 150
    assert accepted > 10


def test_a_lie_would_be_found(counter: Any, contract: Any) -> None:
    anna = counter.person()
    lying = type(contract)(copy.deepcopy(contract.document))
    original = anna.original()
    query = json.dumps({"fingerprint_sha256": original.fingerprint, "nonce": "n" * 20}).encode()
    answers = [anna.post("/v1/status", query), anna.post("/v1/status", b"{}")]
    for answer in answers:
        contract.check(answer)
    paths = lying.document["paths"]
    lying.document["components"]["schemas"]["Signed"]["required"].append("more")
    with pytest.raises(AssertionError, match="more"):
        lying.check(answers[0])
    paths["/v1/status"]["post"]["responses"]["400"]["content"]["application/problem+json"][
        "schema"
    ]["properties"]["code"]["enum"].remove("malformed")
    with pytest.raises(AssertionError, match="malformed"):
        lying.check(answers[1])
    del paths["/v1/status"]["post"]["responses"]["400"]
    with pytest.raises(AssertionError, match="not in the document"):
        lying.check(answers[1])
    assert Reason.OTHER in lying.document["components"]["schemas"]["Reason"]["enum"]
