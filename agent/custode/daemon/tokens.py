"""The token workers as one: one child a configured module, which the token that is meant names."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from custode.daemon.children import Child, ChildDied
from custode.daemon.config import ModuleSettings
from custode.daemon.context import CALL_DEADLINE_S
from custode.daemon.failures import translated
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

if TYPE_CHECKING:
    from custode.daemon.context import Tokens
    from custode.domain.model import TokenSeen

LIST_DEADLINE_S: Final = 10.0
IDLE_S: Final = 10.0  # a vendor's module in memory is neither small nor quiet
_ARGV: Final = (sys.executable, "-m", "custode_drivers.pkcs11.worker")


@dataclass(slots=True)
class _Worker:
    """One module: its child, and why it cannot work."""

    name: str
    settings: ModuleSettings
    child: Child
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
        """Rows of one module, as its worker's `list` gives them.

        :raises CustodeError: MODULE_FAILED, TIMED_OUT, or the worker's code
        """
        worker = self._workers[name]
        try:
            with translated(name, ErrorCode.MODULE_FAILED):
                rows = await _list(worker.child)
        except CustodeError as exc:
            if not Path(worker.settings.path).exists():
                exc.data["why"] = os.strerror(errno.ENOENT)  # the linker says it in many words
            worker.why = str(exc.data.get("why") or exc)
            raise
        worker.why = None
        return rows

    async def call(
        self,
        token: TokenSeen,
        method: str,
        params: Mapping[str, Any] | None = None,
        fds: Sequence[int] = (),
        deadline_s: float = CALL_DEADLINE_S,
    ) -> Any:
        worker = self._workers.get(token.module)
        if worker is None:
            raise CustodeError(ErrorCode.TOKEN_GONE, token=token.label or token.id.serial)
        told = {**(params or {}), "token": asdict(token.id)}
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


async def _list(child: Child) -> list[dict[str, Any]]:
    """Look what is there. It changes nothing, so one that was killed meanwhile is asked again.

    Else a token that is here would be taken for gone until modules that failed are read anew.
    """
    try:
        rows = await child.call("list", deadline_s=LIST_DEADLINE_S)
    except ChildDied as exc:
        if not exc.signal:
            raise
        rows = await child.call("list", deadline_s=LIST_DEADLINE_S)
    listed: list[dict[str, Any]] = rows
    return listed


if TYPE_CHECKING:
    _: type[Tokens] = TokenWorkers
