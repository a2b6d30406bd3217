"""Reminders over the real socket: who is told, once a day, and what a snooze outlives."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.rpc.client import AgentClient

SHIFTED = Path(__file__).parents[2] / "e2e" / "shifted"
KEY = "identity_missing:"  # a tiny agent knows of nobody


@contextmanager
def running(make_agent: Callable[[], Any], days: int = 0) -> Iterator[Any]:
    """An agent in the same home, with its clock that many days ahead."""
    agent = make_agent()
    path = os.pathsep.join([str(SHIFTED), os.environ.get("PYTHONPATH", "")])
    assert agent.start(PYTHONPATH=path, CUSTODE_TEST_CLOCK=f"agent:{days}") == "READY"
    yield agent
    assert agent.end() == 0


def face(agent: Any, **notifies: bool) -> AgentClient:
    client: AgentClient = agent.client()
    client.subscribe(notifies)
    return client


def heard(client: AgentClient) -> list[tuple[str, Any]]:
    """What the agent has said so far; `status` is answered after everything that came before."""
    told: list[tuple[str, Any]] = []

    def take(_method: str, event: dict[str, Any]) -> None:
        if event["key"] == KEY:
            told.append((event["name"], event.get("notify", event.get("until"))))

    for _ in range(2):  # what a subscription brings about is told behind its answer
        client.call("status", on_event=take)
    return told


def needs(client: AgentClient) -> dict[str, Any]:
    return {row["key"]: row["snoozed_until"] for row in client.call("status")["needs"]}


def test_a_notification_is_for_a_face_that_shows_it(make_agent: Callable[[], Any]) -> None:
    with running(make_agent) as agent:
        with face(agent) as watcher, face(agent, notifies=False) as other:
            assert heard(watcher) == []
            with face(agent, notifies=True) as tray:  # late: the need is as old as the agent
                assert heard(tray) == [("prompt_shown", True)]
            assert heard(watcher) == heard(other) == [("prompt_shown", True)]
            with face(agent, notifies=True) as tray:  # it comes again on the same day
                assert heard(tray) == []
                assert heard(watcher) == []
        with pytest.raises(CustodeError) as refused, face(agent, notifies="yes"):  # type: ignore[arg-type] # what is no boolean
            pass
        assert refused.value.code is ErrorCode.USAGE


def test_a_snooze_outlives_the_agent_and_ends_in_the_morning(
    make_agent: Callable[[], Any],
) -> None:
    with running(make_agent) as agent, face(agent, notifies=True) as tray:
        assert heard(tray) == [("prompt_shown", True)]
        done = tray.call("need.snooze", {"key": KEY})
        assert datetime.fromisoformat(done["until"]).hour in {6, 7}  # 08:00 in Rome
        assert needs(tray) == {KEY: done["until"]}
        with pytest.raises(CustodeError) as refused:
            tray.call("need.snooze", {"key": "expiry:OP1:30"})
        assert refused.value.code is ErrorCode.NO_SUCH_NEED
    with running(make_agent) as agent, face(agent, notifies=True) as tray:
        assert needs(tray) == {KEY: done["until"]}
        assert heard(tray) == []
    with running(make_agent, days=2) as agent, face(agent, notifies=True) as tray:
        assert heard(tray) == [("prompt_shown", True)]
        assert needs(tray) == {KEY: None}


def test_a_snooze_is_told_and_can_be_ended(make_agent: Callable[[], Any]) -> None:
    with (
        running(make_agent) as agent,
        face(agent, notifies=True) as tray,
        agent.client() as window,
    ):
        assert heard(tray) == [("prompt_shown", True)]
        until = window.call("need.snooze", {"key": KEY, "until": "2999-01-01"})["until"]
        assert heard(tray) == [
            ("need_snoozed", "2999-01-01T07:00:00+00:00"),
            ("prompt_taken_down", None),
        ]
        assert needs(window)[KEY] == until == "2999-01-01T07:00:00Z"
        window.call("need.snooze", {"key": KEY, "until": "2020-01-01"})
        assert ("prompt_shown", False) in heard(tray)  # it was told today already
        assert needs(window) == {KEY: None}
