"""The token workers as one: one child a configured module; a token is found by its serial."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from custode.daemon.children import Child
from custode.daemon.config import ModuleSettings
from custode.daemon.context import CALL_DEADLINE_S
from custode.daemon.failures import translated
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

if TYPE_CHECKING:
    from custode.daemon.context import Tokens

LIST_DEADLINE_S: Final = 10.0
IDLE_S: Final = 10.0  # a vendor's module in memory is neither small nor quiet
_ARGV: Final = (sys.executable, "-m", "custode_drivers.pkcs11.worker")

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Worker:
    """One module: its child, what it showed last, and why it cannot work."""

    name: str
    settings: ModuleSettings
    child: Child
    serials: frozenset[str] = field(default_factory=frozenset)
    why: str | None = "not read yet"
    sessions: set[str] = field(default_factory=set)
    """Sessions open in the child: while there are any it is not ended for being idle."""


def module_names(modules: Sequence[ModuleSettings]) -> list[str]:
    """Name each module: its file's name, and a number where that is not enough."""
    names: list[str] = []
    for module in modules:
        base = Path(module.path).name
        same = sum(name.partition("#")[0] == base for name in names)
        names.append(f"{base}#{same + 1}" if same else base)
    return names


class TokenWorkers:
    """Port `Tokens`."""

    def __init__(
        self, modules: Sequence[ModuleSettings], log: Path, argv: Sequence[str] = _ARGV
    ) -> None:
        self._workers: dict[str, _Worker] = {}
        for name, settings in zip(module_names(modules), modules, strict=True):
            arguments = [*argv, "--module", settings.path]
            if settings.init_args:
                arguments += ["--init-args", settings.init_args]
            sessions: set[str] = set()
            child = Child(arguments, settings.env, log=log, idle_s=IDLE_S, holding=sessions)
            self._workers[name] = _Worker(name, settings, child, sessions=sessions)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the modules, in the order of the configuration."""
        return tuple(self._workers)

    async def list_module(self, name: str) -> list[dict[str, Any]]:
        """Rows of one module, each with `module`.

        :raises CustodeError: MODULE_FAILED, TIMED_OUT, or the worker's code
        """
        worker = self._workers[name]
        try:
            with translated(name, ErrorCode.MODULE_FAILED):
                rows = await worker.child.call("list", deadline_s=LIST_DEADLINE_S)
        except CustodeError as exc:
            worker.why = str(exc.data.get("why") or exc)
            worker.serials = frozenset()
            raise
        worker.why = None
        worker.serials = frozenset(row["serial"] for row in rows)
        return [{**row, "module": name} for row in rows]

    async def list_all(self) -> list[dict[str, Any]]:
        answers = await asyncio.gather(
            *(self.list_module(name) for name in self._workers), return_exceptions=True
        )
        rows: list[dict[str, Any]] = []
        for name, answer in zip(self._workers, answers, strict=True):
            if isinstance(answer, CustodeError):
                _log.warning("%s: %s", name, answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                rows += answer
        return rows

    async def call(
        self,
        serial: str,
        method: str,
        params: Mapping[str, Any] | None = None,
        fds: Sequence[int] = (),
        deadline_s: float = CALL_DEADLINE_S,
    ) -> Any:
        worker = await self._that_shows(serial)
        told = {**(params or {}), "serial": serial}
        if method == "logout":
            worker.sessions.discard(told["session"])
        generation = worker.child.generation
        with translated(worker.name, ErrorCode.MODULE_FAILED):
            result = await worker.child.call(
                method,
                told,
                fds=[os.dup(fd) for fd in fds],  # the child's end closes its own; ours stay ours
                deadline_s=deadline_s,
            )
        if worker.child.generation != generation:
            worker.sessions.clear()  # they ended with the process that held them
        if method == "login":
            worker.sessions.add(result["session"])
        return result

    def health(self) -> list[dict[str, Any]]:
        return [
            {
                "module": worker.name,
                "path": worker.settings.path,
                "ok": worker.why is None,
                "why": worker.why,
            }
            for worker in self._workers.values()
        ]

    async def close(self) -> None:
        """End every worker."""
        await asyncio.gather(*(worker.child.close() for worker in self._workers.values()))

    async def _that_shows(self, serial: str) -> _Worker:
        for worker in self._workers.values():
            if serial in worker.serials:
                return worker
        await self.list_all()  # plugged in a moment ago, and not read yet
        for worker in self._workers.values():
            if serial in worker.serials:
                return worker
        raise CustodeError(ErrorCode.TOKEN_GONE, token=serial)


if TYPE_CHECKING:
    _: type[Tokens] = TokenWorkers
