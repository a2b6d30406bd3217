"""What is left half done in a running agent; one that somebody else pretends to be."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.daemon.conftest import TinyAgent

from custode.doctor import line

from .conftest import Ward


@pytest.fixture
def tiny(ward: Ward) -> Iterator[TinyAgent]:
    agent = TinyAgent(ward.paths.home)
    assert agent.start() == "READY"
    yield agent
    if agent.process and agent.process.poll() is None:
        agent.end(signal.SIGKILL)


def test_what_was_left_half_done(ward: Ward, tiny: TinyAgent) -> None:
    assert ward.code("agent.journal", agent=True) == "nothing"
    with tiny.client() as client:
        left = client.call("test.leave", {"kinds": ["renew"]})["renew"]
    tiny.end()
    tiny.start()  # it takes up what is left, and finds that only the person can go on
    deadline = time.monotonic() + 20
    while True:
        (found,) = ward.rows("agent.journal", agent=True)
        if found["code"] == "left" or time.monotonic() > deadline:
            break
    assert (found["outcome"], found["about"]) == ("fail", "renew")
    assert found["mend"] == {"step": "custode renew"}
    with tiny.client() as client:
        client.call("test.end", {"operation": left})  # what going on with it ends with
    assert ward.code("agent.journal", agent=True) == "nothing"


def test_somebody_listens_and_does_not_answer(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "_QUICK_S", 0.3)
    place = ward.paths.agent_socket
    old = os.umask(0o077)
    try:
        with (
            socket.create_server(str(place), family=socket.AF_UNIX),
            ward.paths.lock.open("w") as lock,  # as an agent has it that hangs
        ):
            fcntl.flock(lock, fcntl.LOCK_EX)
            (found,) = ward.rows("agent.starts", agent=True)
    finally:
        os.umask(old)
    assert (found["outcome"], found["code"]) == ("fail", "silent")
    assert str(place) in found["what"]
    assert "agent.log" in found["mend"]["step"]
    assert not Path(ward.paths.log).exists(), "no agent was started beside it"


@pytest.mark.usefixtures("tiny")
def test_settings_that_were_broken_while_the_agent_runs(ward: Ward) -> None:
    assert ward.code("agent.modules", agent=True) == "in_use"
    ward.configure("nonsense\n")  # no TOML: the agent answers nothing from now on
    assert ward.code("agent.starts", agent=True) == "config"
    for check in ("agent.modules", "agent.cards", "agent.journal", "portals.authority"):
        (found,) = ward.rows(check, agent=True)
        assert (found["code"], found["outcome"]) == ("agent_missing", "not_made"), check
    ward.configure("")
    assert ward.code("agent.modules", agent=True) == "in_use"


def test_a_module_that_the_settings_name_no_more_was_not_found_by_itself(ward: Ward) -> None:
    ward.configure('[[module]]\npath = "/nowhere/lib.so"\nwatch = "none"\n')
    agent = TinyAgent(ward.paths.home)
    assert agent.start() == "READY"
    try:
        ward.configure("")
        assert ward.code("agent.modules", agent=True) == "changed"
        assert ward.code("agent.found", agent=True) == "none"
    finally:
        agent.end()
