"""How this very installation is started by others: its commands, and what they have to be told."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from custode.paths import Paths

# Where the person's own places were moved to: the service manager may not know.
_PLACES: Final = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
_RUNTIME: Final = "XDG_RUNTIME_DIR"


@dataclass(frozen=True, slots=True)
class Program:
    """What the units and desktop entries are filled with."""

    python: str
    command: tuple[str, ...]
    """The command line, `custode`."""
    environment: Mapping[str, str]
    agent_socket: str
    secrets_socket: str
    """As a unit names them: in the session's own folder by its specifier."""

    def windows(self, *words: str) -> list[str]:
        """The program that opens a window."""
        return self._with_environment([self.python, "-m", "custode.desktop.windows", *words])

    @property
    def tray(self) -> list[str]:
        return self._with_environment([*self.command, "tray"])

    @property
    def agent(self) -> list[str]:
        """As other programs start it: without the command line around it."""
        return [self.python, "-m", "custode.daemon"]

    def _with_environment(self, argv: list[str]) -> list[str]:
        if not self.environment:
            return argv
        return ["env", *(f"{name}={value}" for name, value in self.environment.items()), *argv]


def this_program(paths: Paths, environ: Mapping[str, str] = os.environ) -> Program:
    """The installation that runs now, with the places it works in."""
    python = Path(sys.executable)
    script = python.with_name("custode")
    command = (str(script),) if script.is_file() else (str(python), "-m", "custode")
    places = {name: environ[name] for name in _PLACES if environ.get(name)}
    environment = paths.environment() or places
    agent, secrets = (
        _as_unit(path, environ.get(_RUNTIME)) for path in (paths.agent_socket, paths.secrets_socket)
    )
    return Program(str(python), command, environment, agent, secrets)


def _as_unit(path: Path, runtime: str | None) -> str:
    from custode.startup.quoting import unit_path

    if runtime and path.is_relative_to(runtime):
        return f"%t/{unit_path(str(path.relative_to(runtime)))}"  # systemd.unit(5): the manager's
    return unit_path(str(path))
