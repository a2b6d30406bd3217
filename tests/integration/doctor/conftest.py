"""A home with nobody's data, single checks over it, and advice that is followed as it is told."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from custode.doctor.answer import row
from custode.doctor.line import AgentLine
from custode.doctor.patient import patient
from custode.doctor.registry import REGISTRY
from custode.doctor.running import examine
from custode.paths import Paths

Row = dict[str, Any]


class NoAgent(AgentLine):
    """An agent that is known not to start: what needs none has to be found without."""

    def start(self) -> None:
        self._settled.set()


@dataclass
class Ward:
    """Where one check at a time is made."""

    paths: Paths

    def configure(self, text: str) -> None:
        """Write the settings; no module is looked for beside those that they name."""
        self.paths.config.write_text(f"{text}\n[modules]\ndiscover = false\n")

    def rows(self, check_id: str, *, agent: bool = False, **changed: Any) -> list[Row]:
        """Make one check; `changed`: fields of the case."""
        line = AgentLine(self.paths) if agent else NoAgent(self.paths)
        case = replace(patient(self.paths, line), **changed)
        return [row(one) for one in examine([REGISTRY[check_id]], case)]

    def code(self, check_id: str, **changed: Any) -> str:
        """Code of the one finding."""
        (found,) = self.rows(check_id, **changed)
        code: str = found["code"]
        return code


def follow(rows: Iterable[Row]) -> None:
    """Type every command that is told, as a person would."""
    for found in rows:
        if found["outcome"] == "fail" and "command" in found["mend"]:
            subprocess.run(found["mend"]["command"], shell=True, check=True, timeout=20)  # noqa: S602 - as told


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    paths = Paths.at(tmp_path / "it's home")
    old = os.umask(0o077)
    try:
        paths.make()
    finally:
        os.umask(old)
    made = Ward(paths)
    made.configure("")
    return made
