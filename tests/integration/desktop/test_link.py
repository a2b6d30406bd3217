"""The agent as the desktop follows it: real agents that come and go, and one that counts calls."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from custode.desktop import link as link_module
from custode.desktop.link import Link
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.paths import Paths
from custode.rpc.client import AgentClient

PATIENCE_S = 30.0
Told = tuple[dict[str, Any] | None, CustodeError | None]


class Heard:
    """What a link tells, as somebody who waits for it."""

    def __init__(self) -> None:
        self.told: queue.Queue[Told] = queue.Queue()
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()

    def on_status(self, status: dict[str, Any] | None, why: CustodeError | None) -> None:
        self.told.put((status, why))

    def status(self, holds: Callable[[dict[str, Any]], bool] = bool) -> dict[str, Any]:
        while True:
            status, _ = self.told.get(timeout=PATIENCE_S)
            if status is not None and holds(status):
                return status

    def absent(self) -> CustodeError:
        while True:
            status, why = self.told.get(timeout=PATIENCE_S)
            if status is None:
                assert why is not None
                return why


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[Paths]:
    found = Paths.at(tmp_path / "home")
    found.make()
    found.config.write_text("[modules]\ndiscover = false\n[authority]\nautostart = false\n")
    yield found
    try:
        with AgentClient.connect(found, name="test", start=False) as agent:
            agent.call("agent.stop")
    except CustodeError:
        return  # none is left


@pytest.fixture
def follow(paths: Paths) -> Iterator[Callable[..., tuple[Link, Heard]]]:
    made: list[Link] = []

    def begin(**settings: Any) -> tuple[Link, Heard]:
        heard = Heard()
        link = Link(paths, heard.on_status, heard.events.put, name="test-link", **settings)
        made.append(link)
        link.start()
        return link, heard

    yield begin
    for link in made:
        link.close()


def test_it_starts_the_agent_and_tells_what_it_knows_as_it_changes(
    follow: Callable[..., tuple[Link, Heard]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "LEAVE_ALONE_S", 0.2)
    link, heard = follow()
    status = heard.status()
    assert status["identity"] is None
    link.refresh()
    again = heard.status()
    assert again["agent"]["pid"] == status["agent"]["pid"]

    os.kill(status["agent"]["pid"], signal.SIGKILL)
    assert heard.absent().code is ErrorCode.AGENT_DIED
    other = heard.status()
    assert other["agent"]["pid"] != status["agent"]["pid"]


def test_it_does_not_start_one_that_is_not_its_to_start(
    paths: Paths, follow: Callable[..., tuple[Link, Heard]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, heard = follow(starts=False)
    assert heard.absent().code is ErrorCode.AGENT_UNAVAILABLE
    with AgentClient.connect(paths, name="test"):
        assert heard.status()["agent"]["pid"]


def test_why_it_does_not_start_is_told_once_and_it_comes_back_once_that_is_mended(
    paths: Paths, follow: Callable[..., tuple[Link, Heard]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "LEAVE_ALONE_S", 0.05)
    good = paths.config.read_text()
    paths.config.write_text("[modules]\nnonsense = 1\n")
    link, heard = follow()
    assert heard.absent().code is ErrorCode.CONFIG_INVALID
    link.refresh()
    paths.config.write_text(good)
    link.refresh()
    told: list[Told] = []
    while not told or told[-1][0] is None:
        told.append(heard.told.get(timeout=PATIENCE_S))
    assert len(told) == 1, "the same is not told again"


class CountingAgent:
    """Answers as an agent does, counts `status`, and says what a test has it say."""

    def __init__(self, paths: Paths) -> None:
        self.asked: queue.Queue[str] = queue.Queue()
        self.params: dict[str, Any] = {}
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(paths.agent_socket))
        self._listener.listen()
        self._connection: socket.socket | None = None
        self._left = 1  # connections to serve
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def again(self) -> None:
        """Serve one more connection after this one."""
        self._left += 1

    def _serve(self) -> None:
        while self._left:
            self._left -= 1
            self._serve_one()

    def _serve_one(self) -> None:
        self._connection, _ = self._listener.accept()
        with self._connection.makefile("rb") as lines:
            for line in lines:
                call = json.loads(line)
                self.params[call["method"]] = call["params"]
                self.asked.put(call["method"])
                self._send({"jsonrpc": "2.0", "id": call["id"], "result": {"number": call["id"]}})

    def _send(self, message: dict[str, Any]) -> None:
        assert self._connection is not None
        self._connection.sendall(json.dumps(message).encode() + b"\n")

    def say(self, *names: str) -> None:
        assert self._connection is not None
        told = (
            json.dumps({"jsonrpc": "2.0", "method": "event", "params": {"name": name}})
            for name in names
        )
        self._connection.sendall("".join(line + "\n" for line in told).encode())

    def methods(self) -> list[str]:
        found = []
        while not self.asked.empty():
            found.append(self.asked.get())
        return found

    def close(self) -> None:
        assert self._connection is not None
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE_S)
        self._connection.close()


@pytest.fixture
def counting(paths: Paths) -> Iterator[CountingAgent]:
    made = CountingAgent(paths)
    yield made
    made.close()
    paths.agent_socket.unlink()


def test_a_burst_of_events_is_one_question(
    counting: CountingAgent, follow: Callable[..., tuple[Link, Heard]]
) -> None:
    _, heard = follow(subscription={"notifies": True})
    heard.status()
    assert counting.methods() == ["hello", "subscribe", "status"]
    assert counting.params["subscribe"] == {"notifies": True}
    assert counting.params["status"] == {"look": False}
    counting.say(*(f"event{number}" for number in range(100)))
    heard.status()
    names = [heard.events.get(timeout=PATIENCE_S)["name"] for _ in range(100)]
    assert names == [f"event{number}" for number in range(100)]
    assert counting.methods() == ["status"]


def test_a_face_that_stumbles_is_told_again(
    counting: CountingAgent,
    paths: Paths,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_module, "LEAVE_ALONE_S", 0.05)
    heard: queue.Queue[dict[str, Any] | None] = queue.Queue()
    stumbles = iter((True,))

    def stumble(status: dict[str, Any] | None, why: CustodeError | None) -> None:
        heard.put(status)
        if next(stumbles, False):
            raise KeyError("serial")

    counting.again()
    link = Link(paths, stumble, name="test-link")
    link.start()
    for _ in range(2):
        assert heard.get(timeout=PATIENCE_S) is not None
    link.close()
    assert "was not taken in" in caplog.text


def test_it_asks_nothing_while_nothing_happens(
    counting: CountingAgent, follow: Callable[..., tuple[Link, Heard]]
) -> None:
    _, heard = follow()
    heard.status()
    counting.methods()
    time.sleep(0.3)
    assert counting.methods() == []


def test_it_ends_at_once_whatever_it_waits_for(
    counting: CountingAgent, follow: Callable[..., tuple[Link, Heard]]
) -> None:
    link, heard = follow()
    heard.status()
    began = time.monotonic()
    link.close()
    assert time.monotonic() - began < 1.0
    link.close()


def test_pauses_grow_and_end_with_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("custode.desktop.link.time.monotonic", lambda: now[0])
    pauses = link_module._Pauses()
    starts, looks = 0, 0
    while now[0] < 600:
        starts += pauses.may_start()
        now[0] += pauses.look()
        looks += 1
    assert 10 <= starts <= 15
    assert looks < 150
