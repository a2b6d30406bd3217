"""A bench for what sends PINs: a real store and mailbox, a worker and a person that are not."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from custode.daemon.context import Context
from custode.daemon.mailbox import Mailbox
from custode.daemon.records import load_state, save
from custode.daemon.store import Store
from custode.domain import events
from custode.domain.model import PinFlags, PinRole, State, TokenId, TokenSeen
from custode.domain.pin import Tries, tries_of
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures.session import login

ID = TokenId("Maker", "Model", "01")
TOKEN = TokenSeen(ID, "One", "m")
LAST, LOCKED, FIRST = (
    PinFlags(final_try=True),
    PinFlags(locked=True),
    PinFlags(to_be_changed=True),
)


@dataclass
class Bench:
    """A store and a mailbox that are real, a worker and a person that are not."""

    store: Store
    clock: Any
    mailbox: Mailbox = field(init=False)
    use_last_attempt: bool = False
    answers: list[Any] = field(default_factory=list)
    """What the worker does in turn: an error's code, an exception, or an answer."""
    calls: list[tuple[str, dict[str, Any], int]] = field(default_factory=list)
    at_call: list[Tries] = field(default_factory=list)
    """What the disk said of our count while the worker had the PIN."""
    asked: list[tuple[str, int | None, str]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    reads: int = 0
    then: dict[int, TokenSeen | None] = field(default_factory=dict)
    """What the n-th reading finds instead."""
    typing_s: float = 0
    gone: bool = False
    unreadable: str | None = None
    """Why the module says that something in it cannot be read."""
    all_asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when three secrets were asked for."""

    def __post_init__(self) -> None:
        self.mailbox = Mailbox(State(self.clock.now()), self._carry_out)

    def _carry_out(self, commands: Sequence[Any]) -> None:
        with self.store.transaction():
            for command in commands:
                save(self.store, command)

    @property
    def state(self) -> State:
        return self.mailbox.state

    @property
    def tokens(self) -> "Bench":
        return self

    @property
    def client(self) -> "Bench":
        return self

    @property
    def audit(self) -> "Bench":
        return self

    def append(self, name: str, _data: Mapping[str, Any]) -> None:
        self.told.append(name)

    __hash__ = object.__hash__

    async def post(self, event: events.Event) -> None:
        await self.mailbox.post(event)

    async def tokens_read(self, module: str) -> None:
        assert module == "m"
        self.reads += 1
        if self.reads in self.then:
            seen = self.then[self.reads]
            await self.post(events.TokensListed("m", (seen,) if seen else (), self.clock.now()))

    def health(self) -> list[dict[str, Any]]:
        return [{"module": "m", "unreadable": self.unreadable, "held_by": None}]

    async def progress(self, step: str, text: str = "", operation: str = "") -> None:
        self.told.append(step)

    @asynccontextmanager
    async def secret(
        self, kind: str, _token: Any, left: int | None = None, why: str = ""
    ) -> AsyncIterator[int]:
        self.asked.append((kind, left, why))
        if len(self.asked) == 3:
            self.all_asked.set()
        await self.clock.sleep(self.typing_s)
        read, write = os.pipe()
        os.close(write)
        try:
            yield read
        finally:
            os.close(read)

    async def call(
        self,
        _token: TokenSeen,
        method: str,
        params: Mapping[str, Any] | None = None,
        fds: Sequence[int] = (),
        _deadline_s: float = 0,
    ) -> Any:
        self.calls.append((method, dict(params or {}), len(fds)))
        self.at_call.append(self.on_disk())
        if method == "logout":
            return {}
        answer = self.answers.pop(0)
        if isinstance(answer, str):
            raise CustodeError(ErrorCode(answer))
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def on_disk(self, role: PinRole = PinRole.USER) -> Tries:
        return tries_of(load_state(self.store, self.clock.now()).known.get(ID), role)

    def play(self, story: Callable[[Context], Awaitable[Any]], seen: TokenSeen = TOKEN) -> Any:
        async def run() -> Any:
            self.mailbox = Mailbox(self.state, self._carry_out)  # a queue is of one loop
            running = asyncio.ensure_future(self.mailbox.run())
            now = self.clock.now()
            try:
                async with asyncio.timeout(10):
                    await self.post(events.AgentStarted(("m",), now))
                    here = () if self.gone else (seen,)
                    await self.post(events.TokensListed("m", here, now))
                    return await story(cast("Context", self))
            finally:
                with suppress(CustodeError):  # what was put behind is taken in first
                    await asyncio.wait_for(self.post(events.ClockTicked(now)), 10)
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

        return asyncio.run(run())

    def fails(
        self, story: Callable[[Context], Awaitable[Any]], seen: TokenSeen = TOKEN
    ) -> CustodeError:
        with pytest.raises(CustodeError) as caught:
            self.play(story, seen)
        return caught.value


def logging_in(seen: TokenSeen = TOKEN) -> Callable[[Context], Awaitable[Any]]:
    async def story(ctx: Context) -> str:
        async with login(ctx, seen, why="csr") as session:
            return session.handle

    return story


OPEN = {"session": "S", "keys": []}
