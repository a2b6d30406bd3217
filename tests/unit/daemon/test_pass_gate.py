"""The gate as a procedure passes it: what moves while the authority is asked is waited for."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from custode.daemon.audit import AuditLog
from custode.daemon.mailbox import Mailbox
from custode.domain import events
from custode.domain.gate import Answer, Purpose
from custode.domain.model import HeldCertificate, State, TokenId, TokenSeen
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures import folder as procedure
from custode.procedures.folder import Folder, pass_gate
from custode_authority.wire.states import BackupState, CertificateState

ORIGINAL = "ab" * 32
HOLDER = TokenSeen(
    TokenId("Maker", "Model", "01"),
    "One",
    "m",
    certificates=(HeldCertificate("01", "one", ORIGINAL),),
)


def _passes(
    tmp_path: Any, clock: Any, monkeypatch: pytest.MonkeyPatch, shown: tuple[TokenSeen, ...]
) -> None:
    """Pass the gate while a hint comes during the question, and the listing only after it."""
    log = AuditLog.open(tmp_path / "audit.log", clock)
    mailbox = Mailbox(State(clock.now()), lambda _commands: None)

    async def answer_on(*_: Any) -> Answer:
        await mailbox.post(events.PlugHinted("m", clock.now()))
        later = events.TokensListed("m", shown, clock.now())
        asyncio.get_running_loop().call_later(0.02, mailbox.put, later)
        return Answer(clock.now(), CertificateState.SUSPENDED, None, BackupState.REGISTERED)

    async def story() -> None:
        running = asyncio.ensure_future(mailbox.run())
        try:
            async with asyncio.timeout(5):
                await mailbox.post(events.AgentStarted(("m",), clock.now()))
                await mailbox.post(events.TokensListed("m", (), clock.now()))
                await pass_gate(cast("Any", Context()), opened, Purpose.ACTIVATE)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            log.close()

    class Context:
        audit = log

        def __init__(self) -> None:
            self.mailbox = mailbox

        @property
        def state(self) -> State:
            return mailbox.state

    opened = cast("Folder", SimpleNamespace(original_sha256=ORIGINAL, backup_id="b"))
    monkeypatch.setattr(procedure, "answer_on", answer_on)
    asyncio.run(story())


def test_a_token_that_leaves_while_the_authority_is_asked_does_not_refuse(
    tmp_path: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _passes(tmp_path, clock, monkeypatch, ())  # passes: nothing is raised


def test_an_original_that_arrives_while_the_authority_is_asked_shuts_the_gate(
    tmp_path: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CustodeError) as caught:
        _passes(tmp_path, clock, monkeypatch, (HOLDER,))
    assert caught.value.code is ErrorCode.GATE_CLOSED
    assert [r["code"] for r in caught.value.data["reasons"]] == ["original_present"]
