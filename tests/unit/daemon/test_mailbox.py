"""Events become commands, in order; rows and audit lines are written; failures reach the poster."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from custode.daemon.audit import AuditLog
from custode.daemon.executor import Executor
from custode.daemon.mailbox import Mailbox
from custode.daemon.records import load_state, save, token_key
from custode.daemon.store import Kind, Store
from custode.domain import commands, events
from custode.domain.model import (
    BackupRecord,
    CertificateRecord,
    Identity,
    KnownToken,
    TokenId,
)
from custode.domain.need import Prompt
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode_authority.wire.reasons import CrlReason
from custode_authority.wire.states import BackupKind, BackupState, CertificateState

ONE = TokenId("Maker", "Model", "01")
WHO = Identity("ABC123", "RSSMRA80A01H501U", primary=ONE)


class Bench:
    """A mailbox with a real executor; keeps what was announced."""

    def __init__(self, store: Store, log: AuditLog, clock: Any) -> None:
        self.announced: list[str] = []
        self.clock = clock
        self.executor = Executor(store, log, lambda name, _data: self.announced.append(name))
        self.mailbox = Mailbox(load_state(store, clock.now()), self.executor.carry_out)

    def play(self, story: Callable[["Bench"], Awaitable[None]]) -> None:
        async def run() -> None:
            loop = asyncio.ensure_future(self.mailbox.run())
            try:
                async with asyncio.timeout(5):
                    await story(self)
            finally:
                loop.cancel()
                await asyncio.gather(loop, return_exceptions=True)
                await self.executor.lookups.close()

        asyncio.run(run())


@pytest.fixture
def log(tmp_path: Path, clock: Any) -> Any:
    opened = AuditLog.open(tmp_path / "audit.log", clock)
    yield opened
    opened.close()


@pytest.fixture
def bench(store: Store, log: AuditLog, clock: Any) -> Bench:
    return Bench(store, log, clock)


def test_every_record_comes_back_from_disk(store: Store, clock: Any) -> None:
    now = clock.now()
    certificate = CertificateRecord(
        "1", "a.csr", CertificateState.CANCELLED, "00", now, now, now,
        certificate=b"\x30\x00", cancelled_at=now, crl_reason=CrlReason.SUPERSEDED, token=ONE,
    )  # fmt: skip
    backup = BackupRecord(
        "b", BackupKind.SUCCESSOR, BackupState.REGISTERED, "ff", now, now, folder_path="/x"
    )
    token = KnownToken(ONE, "Label", adopted=True, spare_for="b", user_pin_failures=2)
    prompt = Prompt("k", now.date(), now)
    todo = (
        commands.SaveIdentity(WHO),
        commands.SaveToken(token),
        commands.SaveCertificate(certificate),
        commands.SaveBackup(backup),
        commands.SavePrompt(prompt),
    )
    assert all(save(store, command) for command in todo)
    assert not save(store, commands.QueryBackups())
    state = load_state(store, now)
    assert state.identity == WHO
    assert state.known == {ONE: token}
    assert state.certificates == {"1": certificate}
    assert state.backups == {"b": backup}
    assert state.prompts == {"k": prompt}
    save(store, commands.ForgetToken(ONE))
    assert load_state(store, now).known == {}


def test_a_row_that_is_no_record_is_damage(store: Store, clock: Any) -> None:
    store.put(Kind.TOKENS, token_key(ONE), {"id": "what"})
    with pytest.raises(CustodeError) as caught:
        load_state(store, clock.now())
    assert caught.value.code is ErrorCode.DATABASE_CORRUPT


def test_an_event_is_saved_audited_and_announced_when_post_returns(
    bench: Bench, store: Store, log: AuditLog
) -> None:
    async def story(bench: Bench) -> None:
        await bench.mailbox.post(events.IdentitySet(WHO, bench.clock.now()))
        assert load_state(store, bench.clock.now()).identity == WHO
        assert [e.name for e in log.tail()] == ["identity_set"]
        assert "identity_set" in bench.announced

    bench.play(story)


def test_the_gate_is_closed_before_the_token_is_read(bench: Bench) -> None:
    async def story(bench: Bench) -> None:
        seen: list[tuple[bool, list[str]]] = []
        answer = asyncio.Event()

        async def read(_command: commands.Command) -> None:
            seen.append((bench.mailbox.state.gate_shut, list(bench.announced)))
            await answer.wait()
            await bench.mailbox.post(events.TokensListed("m", (), bench.clock.now()))

        bench.executor.register(commands.ReadTokens, read)
        await bench.mailbox.post(events.AgentStarted(("m",), bench.clock.now()))
        answer.set()
        await bench.mailbox.until(lambda state: not state.gate_shut, 1)
        bench.announced.clear()
        answer.clear()
        await bench.mailbox.post(events.PlugHinted("m", bench.clock.now()))
        # post has returned, the token is not read yet: closed, and said so first of all.
        assert bench.mailbox.state.gate_shut
        assert bench.announced[0] == "gate_closed"
        await asyncio.sleep(0)
        assert seen[-1][0] is True
        assert seen[-1][1][0] == "gate_closed"
        answer.set()
        await bench.mailbox.until(lambda state: not state.gate_shut, 1)
        assert bench.announced[-2:] == ["gate_opened", "gate"]

    bench.play(story)


def test_a_hint_during_a_reading_makes_it_read_again(bench: Bench) -> None:
    async def story(bench: Bench) -> None:
        reads = 0

        async def read(_command: commands.Command) -> None:
            nonlocal reads
            reads += 1
            if reads == 1:
                bench.mailbox.put(events.PlugHinted("m", bench.clock.now()))
                await asyncio.sleep(0.01)
            await bench.mailbox.post(events.TokensListed("m", (), bench.clock.now()))

        bench.executor.register(commands.ReadTokens, read)
        await bench.mailbox.post(events.AgentStarted(("m",), bench.clock.now()))
        await bench.mailbox.until(lambda state: not state.modules["m"].pending, 1)
        assert reads == 2

    bench.play(story)


def test_what_cannot_be_saved_reaches_the_poster_and_the_state_is_true(
    bench: Bench, log: AuditLog, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    def refuse(*_: object) -> None:
        raise CustodeError(ErrorCode.FILE_UNWRITABLE, path="audit.log")

    monkeypatch.setattr(log, "append", refuse)

    async def story(bench: Bench) -> None:
        with pytest.raises(CustodeError) as caught:
            await bench.mailbox.post(events.IdentitySet(WHO, bench.clock.now()))
        assert caught.value.code is ErrorCode.FILE_UNWRITABLE
        assert bench.mailbox.state.identity == WHO
        assert load_state(store, bench.clock.now()).identity is None  # all or nothing
        bench.mailbox.put(events.ClockTicked(bench.clock.now()))  # and the queue goes on
        await bench.mailbox.post(events.ClockTicked(bench.clock.now()))

    bench.play(story)


def test_waiting_for_a_state_has_an_end(bench: Bench) -> None:
    async def story(bench: Bench) -> None:
        with pytest.raises(CustodeError) as caught:
            await bench.mailbox.until(lambda state: state.identity is not None, 0.02)
        assert caught.value.exit == 16

    bench.play(story)


def test_what_held_and_was_over_before_the_waiter_woke_is_waited_for_again(bench: Bench) -> None:
    async def story(bench: Bench) -> None:
        def listed() -> None:
            bench.mailbox.put(events.TokensListed("m", (), bench.clock.now()))

        await bench.mailbox.post(events.AgentStarted(("m",), bench.clock.now()))
        waiting = asyncio.ensure_future(
            bench.mailbox.until(lambda state: not state.modules["m"].pending, 1)
        )
        await asyncio.sleep(0)
        listed()
        bench.mailbox.put(events.PlugHinted("m", bench.clock.now()))  # in one go with the listing
        asyncio.get_running_loop().call_later(0.02, listed)
        await waiting
        assert not bench.mailbox.state.modules["m"].pending

    bench.play(story)


def test_a_broken_hook_harms_nobody(bench: Bench) -> None:
    async def story(bench: Bench) -> None:
        calls: list[str] = []

        async def broken(command: commands.Command) -> None:
            calls.append(type(command).__name__)
            if len(calls) == 1:
                raise LookupError
            raise CustodeError(ErrorCode.AUTHORITY_UNAVAILABLE)

        bench.executor.register(commands.QueryBackups, broken)
        for _ in range(2):
            bench.executor.carry_out([commands.QueryBackups(), commands.QueryOperations()])
            await bench.executor.lookups.settled()
        assert calls == ["QueryBackups", "QueryBackups"]

    bench.play(story)


def test_the_same_question_is_asked_once_at_a_time(bench: Bench) -> None:
    async def story(bench: Bench) -> None:
        running = most = total = 0

        async def slow(_command: commands.Command) -> None:
            nonlocal running, most, total
            running, total = running + 1, total + 1
            most = max(most, running)
            await asyncio.sleep(0.005)
            running -= 1

        bench.executor.register(commands.QueryStatus, slow)
        for _ in range(5):
            bench.executor.carry_out([commands.QueryStatus("aa")])
            await asyncio.sleep(0)
        await bench.executor.lookups.settled()
        assert (most, total) == (1, 2)  # one that ran, one for what was asked meanwhile

    bench.play(story)
