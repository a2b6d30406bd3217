"""The job worker: the child that has cryptography and httpx; started on need, gone when idle."""

from __future__ import annotations

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

_ARGV: Final = (sys.executable, "-m", "custode.jobs.main")


class JobWorkers:
    """Port `Jobs`. One child; calls queue behind each other."""

    def __init__(self, idle_s: float, log: Path, argv: Sequence[str] = _ARGV) -> None:
        self._child = Child(argv, log=log, idle_s=idle_s)

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        fds: Sequence[int] = (),
        callbacks: Mapping[str, Callback] | None = None,
        deadline_s: float = CALL_DEADLINE_S,
    ) -> Any:
        served = {name: _serving(callback) for name, callback in (callbacks or {}).items()}
        with translated("job worker", ErrorCode.JOB_FAILED):
            return await self._child.call(
                method,
                params,
                fds=[os.dup(fd) for fd in fds],  # the child's end closes its own; ours stay ours
                callbacks=served,
                deadline_s=deadline_s,
            )

    async def close(self) -> None:
        """End the worker."""
        await self._child.close()


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
