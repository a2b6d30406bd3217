"""Journaled operations: on disk step by step, taken up again, free of secrets."""

from pathlib import Path
from typing import Any

import pytest

from custode.daemon.journal import Journal, OperationState
from custode.daemon.store import Store


def test_steps_are_on_disk_when_they_return(tmp_path: Path, clock: Any) -> None:
    path = tmp_path / "state.sqlite"
    store = Store.open(path)
    operation = Journal(store, clock).begin("backup.create", {"folder": "/x"})
    operation.step("reserved", backup_id="00")
    operation.step("written", files=["iw.iwk"])
    operation.step("reserved", backup_id="01")
    # A second connection sees what is committed: what a crash would leave.
    again = Store.open(path)
    (pending,) = Journal(again, clock).pending()
    assert (pending.id, pending.kind, pending.data) == (
        operation.id,
        "backup.create",
        {"folder": "/x"},
    )
    assert pending.step_data("reserved") == {"backup_id": "01"}
    assert pending.step_data("written") == {"files": ["iw.iwk"]}
    assert pending.step_data("confirmed") is None
    again.close()
    store.close()


@pytest.mark.parametrize(
    ("end", "state"),
    [
        ("done", OperationState.DONE),
        ("failed", OperationState.FAILED),
        ("undone", OperationState.UNDONE),
    ],
)
def test_what_ended_is_not_pending(store: Store, clock: Any, end: str, state: str) -> None:
    journal = Journal(store, clock)
    operation = journal.begin("a")
    other = journal.begin("b")
    getattr(operation, end)(why="it ended")
    assert [o.id for o in journal.pending()] == [other.id]
    assert journal.pending("a") == []
    assert [o.id for o in journal.pending("b")] == [other.id]
    found = journal.find(operation.id)
    assert found is not None
    assert (found.record.state, found.record.result) == (state, {"why": "it ended"})
    assert journal.find("none") is None


SECRETS: list[dict[str, Any]] = [
    {"pin": "1234"},
    {"token_pin": 1234},
    {"a": [{"b": {"account_password": "x"}}]},
    {"api_key": "k"},
    {"PUK": "1"},
    {"signature": b"\x00"},
    {"list": (bytearray(b"x"),)},
]


@pytest.mark.parametrize("data", SECRETS)
def test_secrets_are_refused_by_their_name_and_bytes_at_all(
    store: Store, clock: Any, data: dict[str, Any]
) -> None:
    journal = Journal(store, clock)
    with pytest.raises(ValueError, match="must not hold"):
        journal.begin("a", data)
    operation = journal.begin("a")
    for write in (operation.step, operation.done, operation.failed, operation.undone):
        with pytest.raises(ValueError, match="must not hold"):
            write(*(["step"] if write == operation.step else []), **data)
    assert operation.record.state is OperationState.PENDING
    assert operation.record.steps == ()


def test_flags_and_words_around_pins_are_no_secrets(store: Store, clock: Any) -> None:
    operation = Journal(store, clock).begin("a", {"user_pin_initialized": True, "spinning": "x"})
    operation.step("asked", kind="token_pin", pin=None)
    assert operation.step_data("asked") == {"kind": "token_pin", "pin": None}
