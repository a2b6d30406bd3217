"""What a backup made now would be of, as the wizard is told before anything is asked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from custode.daemon.journal import Journal
from custode.daemon.store import Store
from custode.domain.model import (
    BackupRecord,
    CertificateRecord,
    HeldCertificate,
    HeldKey,
    Identity,
    Insertion,
    KnownToken,
    Module,
    State,
    TokenId,
    TokenSeen,
)
from custode.procedures import backup_standing, csr
from custode_authority.wire.states import BackupKind, BackupState, CertificateState

ID = TokenId("Maker", "Model", "01")
SHA = "b" * 64
ORIGINAL = TokenSeen(
    ID,
    "One",
    "m",
    certificates=(HeldCertificate("09", "mine", SHA),),
    public_keys=(HeldKey("09", "ec", 256),),
    can_wrap=True,
)
SPARE = TokenSeen(TokenId("Maker", "Model", "02"), "Two", "m", key_specs=("p256",))


@pytest.fixture
def ctx(store: Store, clock: Any) -> Any:
    now = clock.now()
    record = CertificateRecord(
        id_operazione="OP",
        file_name="a.csr",
        state=CertificateState.ACTIVE,
        key_sha256="k",
        requested_at=now,
        said_at=now,
        expires_at=now + timedelta(days=90),
        fingerprint_sha256=SHA,
        token=ID,
        key_id="09",
        installed=True,
    )
    module = Module("m", insertions=(Insertion(1, ORIGINAL, now),))
    state = State(
        now,
        identity=Identity("A1", "TSTTST80A01H501X", primary=ID),
        modules={"m": module},
        certificates={"OP": record},
        known={ID: KnownToken(ID, "One")},
        started=True,
    )
    return SimpleNamespace(state=state, journal=Journal(store, clock), clock=clock)


def told(ctx: Any) -> dict[str, Any]:
    return asyncio.run(backup_standing.standing(ctx, {}))


def test_all_is_there(ctx: Any) -> None:
    found = told(ctx)
    assert found["refusal"] is None
    assert found["original"] == {
        "serial": "01",
        "label": "One",
        "present": True,
        "id_operazione": "OP",
        "expires_at": ctx.state.now + timedelta(days=90),
    }
    assert (found["copyable"], found["spares"], found["backups"]) == (False, [], [])


def test_a_second_token_is_offered(ctx: Any) -> None:
    now = ctx.state.now
    here = (Insertion(1, ORIGINAL, now), Insertion(2, SPARE, now))
    ctx.state = replace(ctx.state, modules={"m": Module("m", insertions=here)})
    assert told(ctx)["spares"] == [{"serial": "02", "label": "Two"}]


@pytest.mark.parametrize(
    ("changed", "code", "data"),
    [
        ({"identity": None}, "no_identity", {}),
        ({"certificates": {}}, "no_certificate", {}),
        ({"modules": {}}, "token_gone", {"token": "One"}),
        ({"modules": {}, "known": {}}, "token_gone", {"token": "01"}),
    ],
)
def test_why_none_can_be_made(
    ctx: Any, changed: dict[str, Any], code: str, data: dict[str, str]
) -> None:
    ctx.state = replace(ctx.state, **changed)
    assert told(ctx)["refusal"] == {"code": code, "data": data}


def test_an_expired_certificate_gets_none(ctx: Any) -> None:
    ctx.state = replace(ctx.state, now=ctx.state.now + timedelta(days=91))
    assert told(ctx)["refusal"] == {"code": "no_certificate", "data": {}}


@pytest.mark.parametrize(
    ("copyable", "key", "wraps", "expected"),
    [
        (True, "k", True, True),
        (False, "k", True, False),
        (True, "another", True, False),
        (True, "k", False, False),
    ],
)
def test_a_copy_only_of_a_key_that_was_made_so(
    ctx: Any, copyable: bool, key: str, wraps: bool, expected: bool
) -> None:
    ctx.journal.begin(csr.KIND, {"key": "p256", "copyable": copyable}).done(key_sha256=key)
    here = (Insertion(1, replace(ORIGINAL, can_wrap=wraps), ctx.state.now),)
    ctx.state = replace(ctx.state, modules={"m": Module("m", insertions=here)})
    assert told(ctx)["copyable"] is expected


def test_backups_that_are_still_good(ctx: Any) -> None:
    now = ctx.state.now
    good = BackupRecord("1" * 32, BackupKind.SUCCESSOR, BackupState.REGISTERED, SHA, now, now)
    dead = replace(good, backup_id="2" * 32, state=BackupState.RETIRED)
    others = replace(good, backup_id="3" * 32, original_sha256="c" * 64)
    ctx.state = replace(ctx.state, backups={b.backup_id: b for b in (good, dead, others)})
    assert [row["backup_id"] for row in told(ctx)["backups"]] == ["1" * 32]
