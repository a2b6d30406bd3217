"""What is told of the way to a certificate: which token makes which key, and what is unfinished."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from custode.daemon.journal import Journal
from custode.daemon.store import Store
from custode.domain.model import (
    CertificateRecord,
    HeldCertificate,
    Identity,
    Insertion,
    Module,
    State,
    TokenId,
    TokenSeen,
)
from custode.domain.token_uri import uri_of
from custode.procedures import csr, request, request_standing
from custode_authority.wire.states import CertificateState

FRESH = TokenSeen(
    TokenId("Maker", "Model", "01"),
    "One",
    "m",
    user_pin_initialized=False,
    key_specs=("rsa2048", "p256"),
    can_wrap=True,
)
ON = {"manufacturer": "Maker", "model": "Model", "serial": "01"}


@pytest.fixture
def ctx(store: Store, clock: Any, tmp_path: Path) -> Any:
    now = clock.now()
    module = Module("m", insertions=(Insertion(1, FRESH, now),))
    state = State(
        now, identity=Identity("A1", "TSTTST80A01H501X"), modules={"m": module}, started=True
    )
    return SimpleNamespace(
        state=state,
        journal=Journal(store, clock),
        paths=SimpleNamespace(home=tmp_path),
        clock=clock,
    )


def told(ctx: Any) -> dict[str, Any]:
    return asyncio.run(request_standing.standing(ctx, {}))


def test_a_fresh_token_can_make_its_keys_and_nothing_is_begun(ctx: Any) -> None:
    row = {
        "serial": "01",
        "uri": uri_of(FRESH),
        "label": "One",
        "model": "Model",
        "pin_set": False,
        "keys": ["rsa2048", "p256"],
        "copyable": True,
        "refusal": None,
    }
    assert told(ctx) == {"tokens": [row], "begun": [], "unsent": None, "looks": []}


def test_a_token_that_serves_for_nothing_new_says_why(ctx: Any) -> None:
    now = ctx.state.now
    old = replace(FRESH, certificates=(HeldCertificate("09", "old", "b" * 64),))
    ended = _record(now, CertificateState.CANCELLED)
    elsewhere = TokenId("Maker", "Model", "02")
    ctx.state = replace(
        ctx.state,
        identity=Identity("A1", "TSTTST80A01H501X", primary=elsewhere),
        modules={"m": Module("m", insertions=(Insertion(1, old, now), Insertion(2, old, now)))},
        certificates={"OP": ended},
    )
    (row,) = told(ctx)["tokens"]
    assert row["refusal"] == {"code": "token_retired", "data": {"token": "One"}}


def test_a_key_whose_making_broke_off(ctx: Any) -> None:
    ctx.journal.begin(csr.KIND, {**ON, "key": "p256", "copyable": True})
    assert told(ctx)["begun"] == [{"serial": "01", "key": "p256", "copyable": True}]


def test_a_request_is_unsent_until_the_authority_has_it(ctx: Any) -> None:
    operation = ctx.journal.begin(csr.KIND, {**ON, "key": "p256", "copyable": False})
    operation.done(file_name="a.csr", key_id="1", key_sha256="k", **ON)
    assert told(ctx)["unsent"] is None  # its file is gone
    csr.keep(ctx, "a.csr", "PEM")
    made = told(ctx)["unsent"]
    assert (made["csr"], made["file_name"]) == ("PEM", "a.csr")
    assert (made["serial"], made["key"]) == ("01", "p256")
    record = _record(ctx.state.now, CertificateState.GENERATING)
    ctx.state = replace(ctx.state, certificates={"OP": record})
    assert told(ctx)["unsent"] is None


def test_when_the_portal_is_asked_again_is_told_while_it_is_waited_for(
    ctx: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = ctx.journal.begin(
        request.KIND, {"csr": "PEM", "file_name": "a.csr", "key_sha256": "k"}
    )
    seen: list[Any] = []
    began = ctx.clock.now()

    async def sleep(seconds: float) -> None:
        seen.extend((await request_standing.standing(ctx, {}))["looks"])

    async def ask_once(*_args: Any) -> Any:
        return SimpleNamespace(id_operazione="OP"), None

    async def progress(*_args: Any, **_more: Any) -> None: ...

    monkeypatch.setattr(request, "_ask_once", ask_once)
    ctx.clock = SimpleNamespace(now=lambda: began, sleep=sleep)
    ctx.client = SimpleNamespace(progress=progress)
    asyncio.run(request._poll(ctx, operation, 7))
    assert seen == [{"key_sha256": "k", "next_look_at": began + timedelta(seconds=7)}]
    assert told(ctx)["looks"] == []


def _record(now: Any, state: CertificateState) -> CertificateRecord:
    return CertificateRecord(
        id_operazione="OP",
        file_name="a.csr",
        state=state,
        key_sha256="k",
        requested_at=now,
        said_at=now,
        fingerprint_sha256="b" * 64,
    )
