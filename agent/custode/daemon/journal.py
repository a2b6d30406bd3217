"""Journaled operations: a procedure with more than one effect can be taken up after a crash.

    op = ctx.journal.begin("backup.create", {"folder": path})
    if op.step_data("reserved") is None:                # not done yet, or done before the crash
        op.step("reserved", backup_id=await …)          # on the disk when step() returns
    …
    op.done(backup_id=…)

A step is written after its effect, so the effect may happen twice: make it idempotent. At its
start the agent hands every pending operation to the `Resume` coroutine of its kind.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from custode.daemon.store import Kind, Store

if TYPE_CHECKING:
    from custode.daemon.clock import Clock

_SECRET_NAME: Final = re.compile(
    r"(^|_)(pin|puk|password|passphrase|secret|api_key|private_key)(_|$)", re.IGNORECASE
)


class OperationState(StrEnum):
    """Where an operation stands."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"


class Step(Struct, frozen=True):
    """One effect that has happened."""

    name: str
    at: datetime
    data: dict[str, Any]


class Record(Struct, frozen=True, kw_only=True):
    """An operation as it lies on the disk."""

    id: str
    kind: str
    state: OperationState
    began_at: datetime
    changed_at: datetime
    data: dict[str, Any]
    steps: tuple[Step, ...] = ()
    result: dict[str, Any] = {}


class Operation:
    """An operation under way."""

    def __init__(self, record: Record, store: Store, clock: Clock) -> None:
        self._record = record
        self._store = store
        self._clock = clock

    @property
    def record(self) -> Record:
        return self._record

    @property
    def id(self) -> str:
        return self._record.id

    @property
    def kind(self) -> str:
        return self._record.kind

    @property
    def data(self) -> dict[str, Any]:
        """What `begin` was given."""
        return self._record.data

    @property
    def result(self) -> dict[str, Any]:
        """What `done`, `failed` or `undone` was given."""
        return self._record.result

    def step_data(self, name: str) -> dict[str, Any] | None:
        """Data of the last step of that name, or None when it has not happened."""
        found = [step.data for step in self._record.steps if step.name == name]
        return found[-1] if found else None

    def step(self, name: str, **data: Any) -> None:
        """Record an effect that has happened; on the disk when this returns.

        :raises ValueError: when a name in `data` says that it is a secret, or a value is bytes
        """
        refuse_secrets(data)
        now = self._clock.now()
        self._save(steps=(*self._record.steps, Step(name, now, data)))

    def done(self, **result: Any) -> None:
        """It is finished; nothing will resume it."""
        self._end(OperationState.DONE, result)

    def failed(self, **why: Any) -> None:
        """It cannot go on and there is nothing to undo, or undoing is somebody else's."""
        self._end(OperationState.FAILED, why)

    def undone(self, **why: Any) -> None:
        """It was given up and its effects were taken back."""
        self._end(OperationState.UNDONE, why)

    def _end(self, state: OperationState, result: dict[str, Any]) -> None:
        refuse_secrets(result)
        self._save(state=state, result=result)

    def _save(self, **changes: Any) -> None:
        from msgspec.structs import replace

        self._record = replace(self._record, changed_at=self._clock.now(), **changes)
        self._store.put(Kind.OPERATIONS, self.id, self._record)


class Journal:
    """All operations of this agent."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def begin(self, kind: str, data: Mapping[str, Any] | None = None) -> Operation:
        """Open an operation; on the disk when this returns.

        :raises ValueError: as `Operation.step`
        """
        told = dict(data or {})
        refuse_secrets(told)
        now = self._clock.now()
        record = Record(
            id=secrets.token_hex(8),
            kind=kind,
            state=OperationState.PENDING,
            began_at=now,
            changed_at=now,
            data=told,
        )
        self._store.put(Kind.OPERATIONS, record.id, record)
        return Operation(record, self._store, self._clock)

    def pending(self, kind: str | None = None) -> list[Operation]:
        """Operations that are neither done, failed nor undone, oldest first."""
        return [
            Operation(record, self._store, self._clock)
            for record in self._store.all(Kind.OPERATIONS, Record).values()
            if record.state is OperationState.PENDING and kind in {None, record.kind}
        ]

    def ended(self, kind: str) -> list[Operation]:
        """Operations of a kind that are done, newest first."""
        found = [
            Operation(record, self._store, self._clock)
            for record in self._store.all(Kind.OPERATIONS, Record).values()
            if record.state is OperationState.DONE and record.kind == kind
        ]
        return sorted(found, key=lambda operation: operation.record.changed_at, reverse=True)

    def find(self, operation_id: str) -> Operation | None:
        """One operation, whatever its state."""
        record = self._store.get(Kind.OPERATIONS, operation_id, Record)
        return None if record is None else Operation(record, self._store, self._clock)


def refuse_secrets(data: Any) -> None:
    """Refuse what must never reach the disk: secrets by their name, and raw bytes.

    :raises ValueError: naming the key
    """
    if isinstance(data, Mapping):
        for name, value in data.items():
            # A flag (user_pin_initialized: true) tells nothing; a value under such a name does.
            if _SECRET_NAME.search(str(name)) and not isinstance(value, bool | None):
                raise ValueError(f"a journal or audit entry must not hold {name!r}")
            refuse_secrets(value)
    elif isinstance(data, list | tuple):
        for value in data:
            refuse_secrets(value)
    elif isinstance(data, bytes | bytearray | memoryview):
        raise ValueError("a journal or audit entry must not hold raw bytes: write hex if public")
