"""The queue of domain events: one at a time through `step`, each followed by its commands."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from custode.domain.machine import step
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

if TYPE_CHECKING:
    from custode.domain.commands import Command
    from custode.domain.events import Event
    from custode.domain.model import State

CarryOut = Callable[[Sequence["Command"]], None]

_log = logging.getLogger(__name__)


class Mailbox:
    """Holds the state. Only `run` changes it, event by event, in the order they came."""

    def __init__(self, state: State, carry_out: CarryOut) -> None:
        """`carry_out` begins the commands of one event; it does not wait for what is slow."""
        self.state = state
        self._carry_out = carry_out
        self._waiters: list[tuple[Callable[[State], bool], asyncio.Future[None]]] = []
        self._queue: asyncio.Queue[tuple[Event, asyncio.Future[None] | None]] = asyncio.Queue()

    def put(self, event: Event) -> None:
        """Queue an event; a failure of its commands goes to the log."""
        self._queue.put_nowait((event, None))

    async def post(self, event: Event) -> None:
        """Queue an event and wait until it was stepped and its commands were begun.

        :raises CustodeError: when what it changed could not be saved; the state has it already,
            because the world outside did change
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((event, done))
        await done

    async def until(self, holds: Callable[[State], bool], deadline_s: float) -> None:
        """Wait until the state is such that `holds`; it still is when this returns.

        :raises CustodeError: TIMED_OUT
        """
        try:
            async with asyncio.timeout(deadline_s):
                while not holds(self.state):
                    await self._reached(holds)
        except TimeoutError as exc:
            raise CustodeError(ErrorCode.TIMED_OUT, seconds=int(deadline_s)) from exc

    async def _reached(self, holds: Callable[[State], bool]) -> None:
        # Before whoever waits is woken another event may have come: `until` looks again.
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = (holds, reached)
        self._waiters.append(waiter)
        try:
            await reached
        finally:
            self._waiters.remove(waiter)

    async def run(self) -> None:
        """Take events until cancelled."""
        try:
            while True:
                event, done = await self._queue.get()
                self._take(event, done)
        finally:
            with contextlib.suppress(asyncio.QueueEmpty):
                while True:
                    _, done = self._queue.get_nowait()
                    if done is not None:
                        done.cancel()

    def _take(self, event: Event, done: asyncio.Future[None] | None) -> None:
        try:
            # The new state counts before its commands are begun: whoever asks for the gate between
            # the two must already find it closed.
            self.state, commands = step(self.state, event)
            self._carry_out(commands)
        except Exception as exc:  # noqa: BLE001 - told to the poster; the queue goes on
            _log.exception("event %s", type(event).__name__)
            if done is not None and not done.done():
                done.set_exception(exc)
        else:
            if done is not None and not done.done():
                done.set_result(None)
        for holds, reached in self._waiters:
            if not reached.done() and holds(self.state):
                reached.set_result(None)
