"""A tiny agent as a real process in a home of its own."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from custode.paths import Paths
from custode.rpc.client import AgentClient

PROGRAM = Path(__file__).with_name("tiny_agent.py")
DEADLINE_S = 20


class TinyAgent:
    """Starts and ends the process; makes clients."""

    def __init__(self, home: Path) -> None:
        self.paths = Paths.at(home)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *program: str, **environment: str) -> str:
        """Start it; returns the line it prints ("" when it ended instead)."""
        self.process = subprocess.Popen(
            [sys.executable, *(program or (str(PROGRAM),))],
            env={**os.environ, **self.paths.environment(), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout
        assert select.select([self.process.stdout], [], [], DEADLINE_S)[0]
        return self.process.stdout.readline().decode().strip()

    def client(self) -> AgentClient:
        return AgentClient.connect(self.paths, name="test", start=False)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; returns the status."""
        assert self.process
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        assert self.process
        try:
            return self.process.wait(DEADLINE_S)
        finally:
            self.process.kill()
            self.process.wait()
            for stream in (self.process.stdout, self.process.stderr):
                if stream:
                    stream.close()


@pytest.fixture
def make_agent(tmp_path: Path) -> Iterator[Callable[[], TinyAgent]]:
    made: list[TinyAgent] = []

    def make() -> TinyAgent:
        made.append(TinyAgent(tmp_path / "home"))
        return made[-1]

    yield make
    for agent in made:
        if agent.process and agent.process.poll() is None:
            agent.end(signal.SIGKILL)


@pytest.fixture(scope="module")
def shared_agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyAgent]:
    """One for a whole module, for tests that leave it as it was."""
    started = TinyAgent(tmp_path_factory.mktemp("agent") / "home")
    assert started.start() == "READY"
    yield started
    assert started.end() == 0


@pytest.fixture
def agent(make_agent: Callable[[], TinyAgent]) -> TinyAgent:
    started = make_agent()
    assert started.start() == "READY"
    return started
