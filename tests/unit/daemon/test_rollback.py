"""A database that was put back behind its audit log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from custode.daemon import rollback
from custode.daemon.audit import AUTHORITY_HEAD, Anchor, AuditLog
from custode.daemon.clock import SystemClock
from custode.daemon.store import Kind, Store

HEAD = "ab" * 32


class Agent:
    """A store and its log, which can be opened again with an older store."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.open()

    def open(self) -> None:
        self.store = Store.open(self._folder / "state.sqlite")
        self.anchor = Anchor(self.store.meta, self.store.set_meta)
        self.audit = AuditLog.open(self._folder / "audit.log", SystemClock(), self.anchor)

    def close(self) -> None:
        self.audit.close()
        self.store.close()

    def names(self) -> list[str]:
        return [entry.name for entry in self.audit.tail()]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    agent = Agent(tmp_path)
    agent.audit.append("agent_started")
    yield agent
    agent.close()


def row(agent: Agent, kind: Kind, row_id: str) -> dict[str, Any]:
    found = agent.store.get(kind, row_id, dict[str, Any])
    assert found is not None
    return found


def put_back(agent: Agent, tmp_path: Path, *entries: tuple[str, dict[str, Any]]) -> None:
    """Have the log go on with `entries`, and the database forget them."""
    agent.close()
    database = tmp_path / "state.sqlite"
    before = database.read_bytes()
    agent.open()
    for name, data in entries:
        agent.audit.append(name, data)
    agent.close()
    database.write_bytes(before)
    agent.open()


def test_what_ended_ends_again(agent: Agent, tmp_path: Path) -> None:
    agent.store.put(Kind.CERTIFICATES, "1", {"state": "active", "file_name": "a.csr"})
    agent.store.put(Kind.CERTIFICATES, "2", {"state": "active"})
    agent.store.put(Kind.BACKUPS, "b", {"state": "registered"})
    put_back(
        agent,
        tmp_path,
        ("certificate_state", {"id_operazione": "1", "state": "cancelled"}),
        ("certificate_state", {"id_operazione": "2", "state": "suspended"}),
        ("certificate_state", {"id_operazione": "unknown", "state": "cancelled"}),
        ("backup_state", {"backup_id": "b", "state": "retired"}),
        (AUTHORITY_HEAD, {"head": HEAD, "signed_at": datetime.now(UTC)}),
        ("gate", {}),
    )
    rollback.end_again(agent.store, agent.audit)
    assert row(agent, Kind.CERTIFICATES, "1") == {"state": "cancelled", "file_name": "a.csr"}
    assert row(agent, Kind.CERTIFICATES, "2") == {"state": "active"}
    assert row(agent, Kind.BACKUPS, "b") == {"state": "retired"}
    assert agent.store.get(Kind.CERTIFICATES, "unknown", dict[str, Any]) is None
    assert agent.audit.tail(1)[0].data == {"entries": 6, "ended_again": 2}
    assert agent.store.meta(rollback.NOTED)
    assert agent.anchor.authority_head() == HEAD
    assert agent.audit.verify().ok
    # It was noted once: the next start finds nothing.
    agent.close()
    agent.open()
    rollback.end_again(agent.store, agent.audit)
    assert agent.names().count("state_rolled_back") == 1


def test_one_entry_ahead_is_a_crash_and_none_is_the_rule(agent: Agent, tmp_path: Path) -> None:
    rollback.end_again(agent.store, agent.audit)
    put_back(agent, tmp_path, ("agent_stopped", {}))
    rollback.end_again(agent.store, agent.audit)
    assert "state_rolled_back" not in agent.names()
    assert agent.store.meta(rollback.NOTED) is None


def test_another_authority_has_another_log(agent: Agent) -> None:
    assert agent.audit.authority_head_of("pin-1") is None
    agent.audit.remember_authority_head(HEAD, datetime.now(UTC))
    assert agent.audit.authority_head_of("pin-1") == HEAD
    assert agent.audit.authority_head_of("pin-2") is None
    assert agent.audit.authority_head_of("pin-1") is None
