"""A real SoftHSM, its tokens in a drawer and a reader, and a real token worker over both."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from custode.daemon.children import Child
from custode_drivers.api.errors import ModuleFailed
from custode_drivers.softhsm import tokens

SO_PIN = b"87654321"
PIN = b"123456"


def pipe_with(secret: bytes) -> int:
    """The read end of a pipe that holds a secret and has ended."""
    reading, writing = os.pipe()
    os.write(writing, secret)
    os.close(writing)
    return reading


@dataclass
class Worker:
    """A token worker, called without asyncio."""

    child: Child
    runner: asyncio.Runner

    def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *secrets: bytes,
        fds: tuple[int, ...] = (),
    ) -> Any:
        pipes = tuple(pipe_with(secret) for secret in secrets)
        return self.runner.run(self.child.call(method, params, fds=(*pipes, *fds), deadline_s=30))

    def login(self, token: tokens.TokenFiles, pin: bytes = PIN) -> str:
        session: str = self.call("login", {"token": token.identity}, pin)["session"]
        return session

    def set_pin(self, token: tokens.TokenFiles) -> None:
        self.call("init_pin", {"token": token.identity}, SO_PIN, PIN)


@pytest.fixture(scope="session")
def module() -> str:
    try:
        return tokens.find_module()
    except ModuleFailed as exc:
        pytest.skip(str(exc))


@pytest.fixture
def drawer(tmp_path: Path) -> Path:
    return tmp_path / "drawer"


@pytest.fixture
def reader(tmp_path: Path) -> Path:
    return tmp_path / "reader"


@pytest.fixture
def fresh(module: str, drawer: Path) -> Callable[[str], tokens.TokenFiles]:
    def make(label: str) -> tokens.TokenFiles:
        return tokens.make_factory_token(drawer, label, SO_PIN, module=module)

    return make


@pytest.fixture
def worker(module: str, reader: Path, tmp_path: Path) -> Iterator[Worker]:
    configuration = tokens.write_configuration(tmp_path / "softhsm2.conf", reader)
    with asyncio.Runner() as runner, contextlib.ExitStack() as stack:
        child = Child(
            [sys.executable, "-m", "custode_drivers.pkcs11.worker", "--module", module],
            {"SOFTHSM2_CONF": str(configuration)},
            log=tmp_path / "worker.log",
        )
        stack.callback(lambda: runner.run(child.close()))
        yield Worker(child, runner)


@pytest.fixture
def token(
    fresh: Callable[[str], tokens.TokenFiles], reader: Path, worker: Worker
) -> tokens.TokenFiles:
    """A token in the reader, with its PIN set."""
    plugged = tokens.move(fresh("mine"), reader)
    worker.set_pin(plugged)
    return plugged
