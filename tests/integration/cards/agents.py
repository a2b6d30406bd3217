"""A real agent over a real pcscd: what a person's desk is to Custode."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from custode.paths import Paths
from custode.rpc.client import AgentClient

PATIENCE_S: Final = 30.0


class Desk:
    """An agent in a home of its own, and somebody who listens to its events."""

    def __init__(self, home: Path, process: subprocess.Popen[bytes], paths: Paths) -> None:
        self.home = home
        self.paths = paths
        self.process = process
        self.client = AgentClient.connect(paths, name="test", start=False)
        self.client.subscribe()
        self.heard: list[dict[str, Any]] = []

    def until(self, name: str, holds: Callable[[dict[str, Any]], bool] = bool) -> dict[str, Any]:
        """The next event of that name for which `holds`; whatever came before it is in `heard`."""
        for event in self.client.events(PATIENCE_S):
            self.heard.append(event)
            if event["name"] == name and holds(event):
                return event
        raise AssertionError(f"no {name} in {self.heard}")

    def names(self) -> list[str]:
        """What was heard since the last look at it, `gate` left out: it repeats the two others."""
        names = [event["name"] for event in self.heard if event["name"] != "gate"]
        self.heard.clear()
        return names

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.call("status")
        return answer

    def settle(self, holds: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until the status is so."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds(told := self.status()):
            assert time.monotonic() < deadline, told
            time.sleep(0.05)

    def serials(self) -> list[str]:
        """Tokens that are here now."""
        return sorted(row["serial"] for row in self.status()["tokens"] if row["present"])

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `custode …` as a person at this desk."""
        return subprocess.run(
            [sys.executable, "-m", "custode", *words],
            env={**os.environ, **self.paths.environment(), "LANG": "C.UTF-8", "LANGUAGE": "en"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )


@contextmanager
def desk(
    home: Path, modules: Sequence[Path | None], settings: str = "discover = false"
) -> Iterator[Desk]:
    """An agent for these modules, and with these `settings` of `[modules]`."""
    paths = Paths.at(home)
    paths.make()
    assert all(modules), "make setup installs ykcs11 and opensc-pkcs11"
    named = "".join(f'[[module]]\npath = "{path}"\n' for path in modules)
    paths.config.write_text(f"{named}[modules]\n{settings}\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "custode", "agent"],
        env={**os.environ, **paths.environment()},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"READY\n", paths.log.read_text()
        opened = Desk(home, process, paths)
        try:
            yield opened
        finally:
            opened.client.close()
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        process.stdout.close()
