"""Progress that every face sees."""

from collections.abc import Mapping
from typing import Any

from custode.daemon.running import Running


def test_a_call_is_shown_from_its_first_progress_to_its_end() -> None:
    said: list[Mapping[str, Any]] = []
    running = Running(lambda name, data: said.append({"name": name, **data}))
    with running.call("backup.create") as told:
        assert running.rows() == [], "what only waits for a PIN is no progress"
        told("backup.sealing", "")
        told("backup.writing", "")
        with running.call("request.create") as other:
            other("request.generating", "")
            assert [row["what"] for row in running.rows()] == ["backup.create", "request.create"]
        row = {"id": 1, "what": "backup.create", "step": "backup.writing", "text": ""}
        assert running.rows() == [row]
    assert running.rows() == []
    assert [len(event["running"]) for event in said] == [1, 1, 2, 1, 0]
    assert {event["name"] for event in said} == {"running_changed"}


def test_a_call_that_tells_nothing_is_not_announced() -> None:
    said: list[str] = []
    with Running(lambda name, _: said.append(name)).call("status"):
        pass
    assert said == []


def test_a_call_that_fails_is_over_too() -> None:
    running = Running(lambda *_: None)
    try:
        with running.call("renew") as told:
            told("renew.superseding", "")
            raise OSError
    except OSError:
        assert running.rows() == []


def test_what_goes_on_behind_a_call_that_is_over_is_not_shown() -> None:
    """The portal is asked again and again; nobody waits for it."""
    running = Running(lambda *_: None)
    with running.call("request.create") as told:
        told("request.generating", "")
    told("request.generating", "")
    assert running.rows() == []
