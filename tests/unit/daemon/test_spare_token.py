"""Which token a person may name as a spare; all of it is judged before a PIN is asked for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from custode.daemon.mailbox import Mailbox
from custode.domain import events
from custode.domain.model import (
    BackupRecord,
    CertificateRecord,
    HeldCertificate,
    HeldKey,
    Identity,
    Insertion,
    Module,
    State,
    TokenId,
    TokenSeen,
)
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures import spare
from custode_authority.wire.states import (
    BackupKind,
    BackupPlace,
    BackupState,
    CertificateState,
)

if TYPE_CHECKING:
    from datetime import datetime

ORIGINAL = TokenSeen(
    TokenId("Maker", "Model", "01"),
    "One",
    "m",
    certificates=(HeldCertificate("01", "one", "a" * 64),),
    public_keys=(HeldKey("01", "ec", 256),),
)
SECOND = TokenSeen(TokenId("Maker", "Model", "02"), "Two", "m", key_specs=("rsa2048", "p256"))


def certificate(now: datetime, state: str = "active", mark: str = "a") -> CertificateRecord:
    return CertificateRecord(
        id_operazione=f"OP{mark}",
        file_name="one.csr",
        state=CertificateState(state),
        key_sha256="1" * 64,
        requested_at=now,
        said_at=now,
        fingerprint_sha256=mark * 64,
        certificate=b"DER",
        token=ORIGINAL.id,
        key_id="01",
        installed=True,
    )


def refusal(now: datetime, second: TokenSeen, *others: CertificateRecord, **more: Any) -> Any:
    """What `backup create --on-token` answers; nothing here could log in or reserve anything."""
    records = (certificate(now), *others)
    stays = tuple(Insertion(n, token, now) for n, token in enumerate((ORIGINAL, second), 1))
    state = State(
        now,
        identity=Identity("ABC1", "TSTTST80A01H501X", primary=ORIGINAL.id),
        modules={"m": Module("m", insertions=stays)},
        certificates={record.id_operazione: record for record in records},
        started=True,
        **more,
    )
    mailbox = Mailbox(state, lambda _commands: None)
    journal = SimpleNamespace(pending=lambda _kind: [])
    ctx = SimpleNamespace(
        mailbox=mailbox, state=state, journal=journal, paths=SimpleNamespace(home="h")
    )

    async def story() -> None:
        running = asyncio.ensure_future(mailbox.run())
        try:
            async with asyncio.timeout(5):
                await mailbox.post(events.ClockTicked(now))
                await spare.create(cast("Any", ctx), records[0], "02")
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    with pytest.raises(CustodeError) as caught:
        asyncio.run(story())
    return caught.value


def test_a_token_that_cannot_make_such_a_key(clock: Any) -> None:
    """Exit status 31, with what it can make, before anything is reserved."""
    for specs in (("rsa2048",), ()):
        error = refusal(clock.now(), replace(SECOND, key_specs=specs))
        assert (error.code, error.exit) == (ErrorCode.NOT_SUPPORTED, 31)
        assert error.data == {"capability": "key p256", "can_make": ", ".join(specs) or None}


def test_a_retired_token_and_one_with_the_original_on_it(clock: Any) -> None:
    now = clock.now()
    old = replace(SECOND, certificates=(HeldCertificate("09", "old", "b" * 64),))
    ended = certificate(now, "cancelled", "b")
    assert refusal(now, old, ended).code is ErrorCode.TOKEN_RETIRED
    twin = replace(SECOND, certificates=(HeldCertificate("09", "twin", "a" * 64),))
    assert refusal(now, twin).code is ErrorCode.SPARE_IS_PRIMARY
    bare = replace(SECOND, user_pin_initialized=False)
    assert refusal(now, bare).code is ErrorCode.PIN_NOT_SET


def test_one_that_carries_a_backup_already(clock: Any) -> None:
    now = clock.now()
    backup = BackupRecord(
        "b" * 32,
        BackupKind.SUCCESSOR,
        BackupState.REGISTERED,
        "a" * 64,
        now,
        now,
        place=BackupPlace.TOKEN,
        token=SECOND.id,
        key_id="07",
    )
    error = refusal(now, SECOND, backups={backup.backup_id: backup})
    assert (error.code, error.data["backup"]) == (ErrorCode.SPARE_TAKEN, backup.backup_id)


def test_certificates_of_somebody_else_are_told(clock: Any) -> None:
    now = clock.now()
    state = State(now, certificates={"OPa": certificate(now)})
    theirs = (HeldCertificate("05", "", "c" * 64), HeldCertificate("06", "Anna", "d" * 64))
    token = replace(SECOND, certificates=(*ORIGINAL.certificates, *theirs))
    ctx = cast("Any", SimpleNamespace(state=state))
    assert spare._foreign(ctx, token) == ["c" * 16, "Anna"]
    assert spare._foreign(ctx, ORIGINAL) == []
