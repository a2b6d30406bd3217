"""A card pulled out while somebody is logged in to it: each module says so in its own way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from custode.daemon.children import Child, ChildError
from custode_drivers.testing.pcscd import PcscDaemon
from custode_drivers.testing.piv import PivCard
from custode_drivers.testing.readers import pull, put

from .judges import MANAGEMENT_KEY, OPENSC, YKCS11, Judge

PIN = b"123456"
GONE = {"token_gone", "session_unknown"}


class Worker:
    """A token worker over one module, called without asyncio."""

    def __init__(self, module: Path, runner: asyncio.Runner, log: Path) -> None:
        program = [sys.executable, "-m", "custode_drivers.pkcs11.worker", "--module", str(module)]
        self.child = Child(program, log=log)
        self.runner = runner

    def call(self, method: str, *secrets: bytes, **params: Any) -> Any:
        return self.runner.run(
            self.child.call(method, params, fds=[_pipe(one) for one in secrets], deadline_s=60)
        )

    def refused(self, method: str, **params: Any) -> str:
        with pytest.raises(ChildError) as caught:
            self.call(method, **params)
        return caught.value.code

    def login(self, token: dict[str, str]) -> dict[str, Any]:
        opened: dict[str, Any] = self.call("login", PIN, token=token)
        return opened

    def tokens(self) -> list[dict[str, str]]:
        rows = self.call("list")
        assert not [row for row in rows if "unreadable" in row]
        return [{name: row[name] for name in ("manufacturer", "model", "serial")} for row in rows]


def _pipe(secret: bytes) -> int:
    reading, writing = os.pipe()
    os.write(writing, secret)
    os.close(writing)
    return reading


@pytest.fixture
def card(pcscd: PcscDaemon, tmp_path: Path) -> PivCard:
    """In the first reader, with a key that its maker's own tool made."""
    card = PivCard(serial=1001)
    put(pcscd.readers[0], card)
    Judge(YKCS11, tmp_path, so_pin=MANAGEMENT_KEY).generate("EC:secp256r1", "01")
    return card


@pytest.fixture(params=[YKCS11, OPENSC], ids=["ykcs11", "opensc"])
def worker(request: pytest.FixtureRequest, card: PivCard, tmp_path: Path) -> Iterator[Worker]:
    with asyncio.Runner() as runner, contextlib.ExitStack() as stack:
        made = Worker(request.param, runner, tmp_path / "worker.log")
        stack.callback(lambda: runner.run(made.child.close()))
        yield made


def sign(worker: Worker, opened: dict[str, Any]) -> dict[str, Any]:
    """What one asks of a token in a session."""
    (key,) = opened["keys"]
    answer: dict[str, Any] = worker.call(
        "sign", session=opened["session"], key_id=key["key_id"], data=b"data"
    )
    return answer


def test_a_second_card_is_seen_beside_an_open_session(worker: Worker, pcscd: PcscDaemon) -> None:
    """While one is logged in the module's slots are not made anew, and yet it comes and goes."""
    (token,) = worker.tokens()
    opened = worker.login(token)
    put(pcscd.readers[1], PivCard(serial=2002))
    both = worker.tokens()
    assert len(both) == 2
    assert token in both
    assert sign(worker, opened)["signature"]
    pull(pcscd.readers[1])
    assert worker.tokens() == [token]
    assert sign(worker, opened)["signature"]
    put(pcscd.readers[1], PivCard(serial=3003))
    pull(pcscd.readers[0])
    (left,) = worker.tokens()
    assert left not in both
