"""What the doctor looks at: the drivers' `Case`, with what only the agent's own checks need."""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from custode.daemon.clock import SystemClock
from custode.daemon.config_faults import read_all
from custode.daemon.tokens import TokenWorkers, module_names
from custode.doctor.line import AgentLine
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode_drivers.api.checks import AuthorityCase, Case, Examined, ModuleCase
from custode_drivers.pkcs11.checks import EXAMINE_S

if TYPE_CHECKING:
    from custode.daemon.config import Config, ModuleSettings
    from custode.paths import Paths


_HUNG: Final = ErrorCode.TIMED_OUT.value


@dataclass(frozen=True, slots=True)
class Patient(Case):
    """The installation."""

    paths: Paths
    config: Config
    """As far as the file could be read."""
    faults: tuple[CustodeError, ...]
    """Everything that is wrong with the file."""
    line: AgentLine


def patient(paths: Paths, line: AgentLine | None = None) -> Patient:
    """Look at what is configured; no agent is started yet."""
    config, faults = read_all(paths.config)
    line = line or AgentLine(paths)
    line.settings_fault = faults[0] if faults else None
    read = not any(one.code is ErrorCode.FILE_UNREADABLE or "toml" in one.data for one in faults)
    named = list(zip(module_names(config.modules), config.modules, strict=True))
    return Patient(
        home=paths.home,
        config_file=paths.config,
        modules=[ModuleCase(n, one.path, one.env, one.watch) for n, one in named],
        settings_read=read,
        discovers=read and config.discovery.discover,
        backup_folders=[Path(folder) for folder in config.backup.watch],
        now=SystemClock().now,
        environ=dict(os.environ),
        examine=_Examiner(paths, dict(named), line).examine,
        authority=_once(functools.partial(_authority, paths, config, line)),
        ours=lambda: line.pids,
        paths=paths,
        config=config,
        faults=tuple(faults),
        line=line,
    )


class _Examiner:
    """Loads modules: in the agent's own workers if it runs, so that it is not disturbed."""

    def __init__(self, paths: Paths, modules: dict[str, ModuleSettings], line: AgentLine) -> None:
        self._paths = paths
        self._modules = modules
        self._line = line

    def examine(self, module: ModuleCase) -> Examined:
        """Load one module afresh and list its tokens."""
        try:
            row = self._row(module) if self._line.wait() else None
            if row is not None and row["why"] == _HUNG and not self._line.ran_before:
                # It hung a moment ago, when the agent was started for us: once is enough.
                return Examined(failure=_HUNG, doing="list")
            if row is not None:
                wanted = {"module": module.name, "deadline_s": EXAMINE_S}
                told = self._line.call("doctor.module", wanted, 2 * EXAMINE_S + 2)
            else:
                told = asyncio.run(self._here(module))
        except CustodeError as exc:
            why, doing = str(exc.data.get("why") or ""), exc.data.get("doing")
            return Examined(failure=exc.code.value, why=why, doing=doing)
        return Examined(**told)

    def _row(self, module: ModuleCase) -> dict[str, Any] | None:
        """How the agent does with this very module; None: the file names others since."""
        for row in self._line.status()["drivers"]:
            if (row["module"], row["path"]) == (module.name, module.path):
                found: dict[str, Any] = row
                return found
        return None

    async def _here(self, module: ModuleCase) -> dict[str, Any]:
        """Without an agent: in a worker of our own."""
        workers = TokenWorkers([self._modules[module.name]], Path(os.devnull))
        try:
            return await workers.examine(workers.names[0], EXAMINE_S)
        finally:
            await workers.close()


def _authority(paths: Paths, config: Config, line: AgentLine) -> AuthorityCase:
    settings = config.authority
    ca = str(paths.authority_home / "ca.pem")
    if settings.url:
        url, pin = settings.url, settings.pin_sha256
        return AuthorityCase("there", embedded=False, url=url, pin_sha256=pin, ca_certificate=ca)
    if not line.wait():
        return AuthorityCase("agent_missing", embedded=True)
    try:
        told = line.call("doctor.authority", deadline_s=10.0)
    except CustodeError as exc:
        if exc.code is ErrorCode.TIMED_OUT:
            return AuthorityCase("not_started", embedded=True, why="not ready in time")
        why = str(exc.data.get("why") or exc)
        return AuthorityCase("not_started", embedded=True, why=why)
    return AuthorityCase(**told, embedded=True, ca_certificate=ca)


def _once(ask: functools.partial[AuthorityCase]) -> functools.partial[AuthorityCase]:
    """The same answer for all who ask; the others wait for the first."""
    turn, kept = threading.Lock(), list[AuthorityCase]()

    def answer() -> AuthorityCase:
        with turn:
            if not kept:
                kept.append(ask())
            return kept[0]

    return functools.partial(answer)
