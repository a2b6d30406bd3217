"""What broke off is taken up by one at a time, ends with the agent, and is told while it waits."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from custode import taking_up
from custode.daemon.journal import Journal, Operation
from custode.daemon.store import Store
from custode.domain.events import Event, OperationEnded, OperationPaused
from custode.domain.model import TokenId
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.taking_up import behind, take_up, taken_up

TOKEN = {"manufacturer": "Acme", "model": "T1", "serial": "0001"}


class Bench:
    """A journal, and the events that are posted."""

    def __init__(self, store: Store, clock: Any) -> None:
        self.journal = Journal(store, clock)
        self.posted: list[Event] = []
        self.waiting: dict[str, Any] = {}
        self.ctx: Any = SimpleNamespace(
            journal=self.journal,
            clock=clock,
            post=self.post,
            state=SimpleNamespace(waiting=self.waiting),
        )

    async def post(self, event: Event) -> None:
        self.posted.append(event)

    def again(self, operation: Operation) -> Operation:
        """Another snapshot of the same operation."""
        found = self.journal.find(operation.id)
        assert found is not None
        return found


@pytest.fixture
def bench(store: Store, clock: Any) -> Bench:
    return Bench(store, clock)


def play(story: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        try:
            async with asyncio.timeout(10):
                await story()
        finally:
            await taking_up.stop()

    asyncio.run(run())


def refused(work: Callable[..., None], *args: Any, **kwargs: Any) -> dict[str, Any]:
    with pytest.raises(CustodeError) as caught:
        work(*args, **kwargs)
    assert caught.value.code is ErrorCode.STATE_NOT_ALLOWED
    return caught.value.data


@pytest.mark.parametrize("end", ["done", "failed", "undone"])
def test_what_is_over_is_never_written_again(bench: Bench, end: str) -> None:
    stale = bench.journal.begin("renew", {"a": 1})
    ended: list[str] = []
    bench.journal.when_over = ended.append
    getattr(bench.again(stale), end)(why="a client did it")
    before = bench.again(stale).record
    for write in (stale.done, stale.failed, stale.undone):
        assert refused(write) == {"what": "renew", "state": before.state.value}
    refused(stale.step, "late")
    assert bench.again(stale).record == before
    assert not stale.is_pending  # whatever its snapshot says
    assert ended == [stale.id]


def test_steps_of_two_snapshots_are_all_kept(bench: Bench) -> None:
    first = bench.journal.begin("a")
    second = bench.again(first)
    first.step("one")
    second.step("two")
    assert [step.name for step in bench.again(first).record.steps] == ["one", "two"]


def test_a_resume_sees_what_was_done_meanwhile(bench: Bench) -> None:
    """The start read the operation; before its turn came, a client finished it."""
    stale = bench.journal.begin("request")
    resumed: list[str] = []

    async def resume(_ctx: Any, operation: Operation) -> None:
        resumed.append(operation.id)

    async def story() -> None:
        bench.again(stale).done()
        await take_up(bench.ctx, stale, resume)

    play(story)
    assert (resumed, bench.posted) == ([], [])


def test_nobody_resumes_what_a_client_works_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking_up, "FIRST_PAUSE_S", 0.05)
    operation = bench.journal.begin("renew")
    resumed: list[str] = []

    async def resume(_ctx: Any, operation: Operation) -> None:
        resumed.append(operation.id)

    async def story() -> None:
        async with taken_up(bench.ctx, operation, resume):
            await take_up(bench.ctx, bench.again(operation), resume)
            await asyncio.sleep(0.15)
            operation.step("by the client")
            operation.done()
        await asyncio.sleep(0.3)

    play(story)
    assert resumed == []
    assert not operation.is_pending


def test_a_client_waits_for_a_resume_under_way_and_then_looks_again(bench: Bench) -> None:
    operation = bench.journal.begin("renew")
    log: list[str] = []

    async def resume(_ctx: Any, current: Operation) -> None:
        log.append("resuming")
        await asyncio.sleep(0.1)
        current.done()
        log.append("resumed")

    async def story() -> None:
        resuming = behind(take_up(bench.ctx, operation, resume))
        await asyncio.sleep(0.02)
        with pytest.raises(CustodeError) as caught:
            async with taken_up(bench.ctx, bench.again(operation), resume):
                log.append("client")
        assert caught.value.code is ErrorCode.STATE_NOT_ALLOWED
        await resuming

    play(story)
    assert log == ["resuming", "resumed"]


@pytest.mark.parametrize("outcome", ["waits", "stick gone", "broken"])
def test_what_stays_pending_is_told_with_its_token(bench: Bench, outcome: str) -> None:
    operation = bench.journal.begin("csr", TOKEN)

    async def resume(_ctx: Any, _operation: Operation) -> None:
        if outcome == "stick gone":
            raise CustodeError(ErrorCode.FILE_MISSING, path="/x")
        if outcome == "broken":
            raise LookupError(outcome)

    async def story() -> None:
        await take_up(bench.ctx, operation, resume)

    play(story)
    (told,) = bench.posted
    assert isinstance(told, OperationPaused)
    assert (told.operation_id, told.kind) == (operation.id, "csr")
    assert told.token == TokenId("Acme", "T1", "0001")


def test_what_goes_on_by_itself_is_nobodys_need(bench: Bench) -> None:
    operation = bench.journal.begin("request")

    async def resume(_ctx: Any, current: Operation) -> None:
        behind(asyncio.sleep(30), goes_on=current.id)

    async def story() -> None:
        await take_up(bench.ctx, operation, resume)

    play(story)
    assert operation.is_pending
    assert operation.token is None
    assert bench.posted == []


def test_what_goes_on_behind_ends_with_the_agent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking_up, "FIRST_PAUSE_S", 0.01)
    operation = bench.journal.begin("backup.create")
    tries: list[str] = []

    async def resume(_ctx: Any, current: Operation) -> None:
        tries.append(current.id)
        raise CustodeError(ErrorCode.AUTHORITY_UNAVAILABLE, why="off")

    async def story() -> None:
        await take_up(bench.ctx, operation, resume)
        await asyncio.sleep(0.2)
        await taking_up.stop()
        seen = len(tries)
        await asyncio.sleep(0.2)
        assert len(tries) == seen >= 3
        assert asyncio.all_tasks() == {asyncio.current_task()}

    play(story)
    assert operation.is_pending  # the next start takes it up


def test_while_somebody_works_on_it_an_operation_waits_for_nobody(bench: Bench) -> None:
    operation = bench.journal.begin("csr", TOKEN)
    bench.waiting[operation.id] = "told at the start"

    async def story() -> None:
        async with taken_up(bench.ctx, operation, _stays):
            assert [type(event) for event in bench.posted] == [OperationEnded]
            raise CustodeError(ErrorCode.TOKEN_GONE)

    async def _stays(_ctx: Any, _operation: Operation) -> None:
        """Only the person can go on with it."""

    with pytest.raises(CustodeError):
        play(story)
    assert [type(event) for event in bench.posted] == [OperationEnded, OperationPaused]
