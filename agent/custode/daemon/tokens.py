"""The token workers as one: one child a configured module, which the token that is meant names."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from custode.daemon.children import Child, ChildFailure
from custode.daemon.config import BY_READERS, ModuleSettings
from custode.daemon.context import CALL_DEADLINE_S
from custode.daemon.examining import examine
from custode.daemon.failures import translated
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

if TYPE_CHECKING:
    from custode.daemon.context import Tokens
    from custode.domain.model import TokenSeen

Cards = Callable[[], int | None]
"""How many cards the readers hold at this moment; None where nobody knows."""

LIST_DEADLINE_S: Final = 10.0
HOLDER_DEADLINE_S: Final = 5.0
IDLE_S: Final = 10.0  # a vendor's module in memory is neither small nor quiet
_log = logging.getLogger(__name__)
_ARGV: Final = (sys.executable, "-m", "custode_drivers.pkcs11.worker")


def nobody_knows() -> None:
    """Stand for readers that tell nothing."""


@dataclass(slots=True)
class _Worker:
    """One module: its child, and why it cannot work."""

    name: str
    settings: ModuleSettings
    arguments: Sequence[str]
    child: Child
    why: str | None = "not read yet"
    unreadable: str | None = None
    """Why a token does not answer, of a module that works."""
    held_by: str | None = None
    """The program that keeps the card from us, where one can be named."""
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
        self._log, self._argv = log, tuple(argv)
        self.fixed: frozenset[str] = frozenset()
        self._workers: dict[str, _Worker] = {}
        for name, settings in zip(module_names(modules), modules, strict=True):
            self._workers[name] = self._worker(name, settings)

    def _worker(self, name: str, settings: ModuleSettings) -> _Worker:
        arguments = [*self._argv, "--module", settings.path]
        if settings.init_args:
            arguments += ["--init-args", settings.init_args]
        sessions: set[str] = set()
        child = Child(arguments, settings.env, log=self._log, idle_s=IDLE_S, holding=sessions)
        return _Worker(name, settings, arguments, child, sessions=sessions)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the modules, in the order of the configuration."""
        return tuple(self._workers)

    async def start(self) -> None:
        """Start every worker; one that cannot start says so when it is asked."""
        for worker in self._workers.values():
            with suppress(ChildFailure):
                await worker.child.start()

    def path_of(self, name: str) -> str:
        """Where that module lies."""
        return self._workers[name].settings.path

    def add_fixed(self, found: Sequence[ModuleSettings]) -> None:
        """Take up modules that were found here and whose tokens never move."""
        self.fixed = frozenset(self.offer(settings) for settings in found)

    def offer(self, settings: ModuleSettings) -> str:
        for worker in self._workers.values():
            if _same(worker.settings, settings):
                return worker.name
        name = module_names([*(one.settings for one in self._workers.values()), settings])[-1]
        self._workers[name] = self._worker(name, settings)
        return name

    async def list_module(self, name: str, cards: Cards = nobody_knows) -> list[dict[str, Any]]:
        """Rows of one module, as its worker's `list` gives them.

        A worker that ran before, and shows what does not go with the cards that are in, is started
        again, once: some modules keep the slots of their first look.

        :raises CustodeError: MODULE_FAILED, TIMED_OUT, or the worker's code
        """
        worker = self._workers[name]
        before = worker.child.generation
        rows = await self._list(worker)
        warm, now = worker.child.generation == before, cards()
        if warm and now is not None and _contradicts(rows, now, in_use=bool(worker.sessions)):
            _log.info("%s: %d rows, but %d cards: starting it again", name, len(rows), now)
            await worker.child.restart()
            worker.sessions.clear()
            rows = await self._list(worker)
        return rows

    async def _list(self, worker: _Worker) -> list[dict[str, Any]]:
        try:
            try:
                rows = await _asked(worker)
            except CustodeError as exc:
                if exc.code is not ErrorCode.MODULE_FAILED or not exc.data.get("doing"):
                    raise
                # It broke down while it listed. Nobody would ask again before the next event, and
                # the token would seem to be gone: a fresh process mostly does better.
                rows = await _asked(worker)
        except CustodeError as exc:
            if not Path(worker.settings.path).exists():
                exc.data["why"] = os.strerror(errno.ENOENT)  # the linker says it in many words
            if exc.code is ErrorCode.TIMED_OUT:
                exc.data["why"] = exc.code.value
            worker.why = str(exc.data.get("why") or exc)
            worker.unreadable, worker.held_by = None, exc.data.get("held_by")
            raise
        mute: dict[str, Any] = next((row for row in rows if "unreadable" in row), {})
        worker.why, worker.unreadable = None, mute.get("unreadable")
        worker.held_by = mute.get("held_by")
        listed: list[dict[str, Any]] = rows
        return listed

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
        async with _answering(worker):
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

    async def examine(self, name: str, deadline_s: float) -> dict[str, Any]:
        worker = self._workers.get(name)
        if worker is None:
            raise CustodeError(ErrorCode.MODULE_FAILED, module=name, why="not read yet")
        if worker.sessions:
            return {"in_use": True}
        with translated(worker.name, ErrorCode.MODULE_FAILED):
            return await examine(worker.child, deadline_s)

    def health(self) -> list[dict[str, Any]]:
        return [
            {
                "module": worker.name,
                "path": worker.settings.path,
                "ok": worker.why is None,
                "why": worker.why,
                "unreadable": worker.unreadable,
                "held_by": worker.held_by,
            }
            for worker in self._workers.values()
        ]

    async def close(self) -> None:
        """End every worker."""
        await asyncio.gather(*(worker.child.close() for worker in self._workers.values()))


def _same(one: ModuleSettings, other: ModuleSettings) -> bool:
    """Whether two settings are one library, loaded in one way; its file may have several names."""
    if (one.env, one.init_args) != (other.env, other.init_args):
        return False
    return os.path.realpath(one.path) == os.path.realpath(other.path)


def _contradicts(rows: Sequence[Mapping[str, Any]], cards: int, *, in_use: bool) -> bool:
    """Whether a listing cannot be right: cards without a token, or tokens without a card.

    One card may show several tokens: more tokens than cards only count while none is in use.
    """
    movable = sum(bool(row.get("removable", True)) for row in rows)
    if cards and not movable:
        return True
    return movable > cards and (cards == 0 or not in_use)


async def _asked(worker: _Worker) -> Any:
    async with _answering(worker):
        return await worker.child.call("list", deadline_s=LIST_DEADLINE_S)


@asynccontextmanager
async def _answering(worker: _Worker) -> AsyncIterator[None]:
    """As `translated`; of a call that waited for a card in vain it is told who keeps that card."""
    try:
        with translated(worker.name, ErrorCode.MODULE_FAILED):
            yield
    except CustodeError as exc:
        if exc.code is ErrorCode.TIMED_OUT and worker.settings.watch == BY_READERS:
            exc.data["held_by"] = await _holder(worker)
        raise


async def _holder(worker: _Worker) -> str | None:
    """Name the program that holds a card in a transaction; others' calls are not waited for."""
    asked = Child(worker.arguments, worker.settings.env)
    try:
        told = await asked.call("holder", deadline_s=HOLDER_DEADLINE_S)
    except ChildFailure as exc:
        _log.info("%s: who holds the card is not known: %r", worker.name, exc)
        return None
    finally:
        await asked.close()
    by: str | None = told["by"]
    return by


if TYPE_CHECKING:
    _: type[Tokens] = TokenWorkers
