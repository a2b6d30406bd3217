"""What an event makes the agent look up, behind the mailbox: one run of each at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from custode.errors import CustodeError

K = TypeVar("K", bound=Hashable)

_log = logging.getLogger(__name__)


class Lookups(Generic[K]):
    """Runs a coroutine for a key; asked again meanwhile, it runs once more afterwards."""

    def __init__(self, look: Callable[[K], Awaitable[None]]) -> None:
        self._look = look
        self._running: dict[K, asyncio.Task[None]] = {}
        self._again: set[K] = set()

    def begin(self, key: K) -> None:
        """Start, or have it run again when it already runs."""
        if key in self._running:
            self._again.add(key)
            return
        task = asyncio.ensure_future(self._run(key))
        self._running[key] = task

    async def settled(self) -> None:
        """Return when nothing runs any more."""
        while self._running:
            await asyncio.wait(list(self._running.values()))

    async def close(self) -> None:
        """Cancel everything."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, key: K) -> None:
        try:
            while True:
                self._again.discard(key)
                try:
                    await self._look(key)
                except CustodeError as exc:
                    _log.info("%s: %s", key, exc)
                except Exception:  # noqa: BLE001 - behind the mailbox nobody else would hear of it
                    _log.exception("%s", key)
                if key not in self._again:
                    return
        finally:
            self._again.discard(key)
            del self._running[key]
