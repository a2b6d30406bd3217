"""The job workers: children that have cryptography and httpx; started on need, gone when idle.

There are two, so that what takes minutes (making a backup) keeps nobody from a report or a look-up:
a call that is given more time than a short one ever takes goes to the second one. Within each,
calls queue behind each other, and the deadline counts from when the call was made.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from custode.daemon.children import CallbackFn, Child, ChildError
from custode.daemon.context import CALL_DEADLINE_S, Callback
from custode.daemon.failures import translated
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

if TYPE_CHECKING:
    from custode.daemon.context import Jobs

SHORT_S: Final = 60.0
_ARGV: Final = (sys.executable, "-m", "custode.jobs.main")


class JobWorkers:
    """Port `Jobs`: one child for calls of up to SHORT_S, one for longer ones."""

    def __init__(self, idle_s: float, log: Path, argv: Sequence[str] = _ARGV) -> None:
        self._short, self._long = (
            Child(argv, log=log, idle_s=idle_s, queueing_counts=True) for _ in range(2)
        )

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        fds: Sequence[int] = (),
        callbacks: Mapping[str, Callback] | None = None,
        deadline_s: float = CALL_DEADLINE_S,
    ) -> Any:
        served = {name: _serving(callback) for name, callback in (callbacks or {}).items()}
        child = self._short if deadline_s <= SHORT_S else self._long
        with translated("job worker", ErrorCode.JOB_FAILED):
            return await child.call(
                method,
                params,
                fds=[os.dup(fd) for fd in fds],  # the child's end closes its own; ours stay ours
                callbacks=served,
                deadline_s=deadline_s,
            )

    async def close(self) -> None:
        """End the workers."""
        await asyncio.gather(self._short.close(), self._long.close())


def _serving(callback: Callback) -> CallbackFn:
    """Callback as the channel calls it; our errors travel to the job and back by their code."""

    async def serve(params: dict[str, Any], _fds: tuple[int, ...]) -> Any:
        try:
            return await callback(params)
        except CustodeError as exc:
            raise ChildError(exc.code, exc.data) from exc

    return serve


if TYPE_CHECKING:
    _: type[Jobs] = JobWorkers
