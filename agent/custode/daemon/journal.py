"""Journaled operations: a procedure with more than one effect can be taken up after a crash.

    op = ctx.journal.begin("backup.create", {"folder": path})
    if op.step_data("reserved") is None:                # not done yet, or done before the crash
        op.step("reserved", backup_id=await …)          # on the disk when step() returns
    …
    op.done(backup_id=…)

A step is written after its effect, so the effect may happen twice: make it idempotent. At its
start the agent hands every operation that is pending then to the `Resume` coroutine of its kind
(`taking_up`). What is over is never written again, whoever still holds an old snapshot of it.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from msgspec import Struct
from msgspec.structs import replace

from custode.daemon.store import Kind, Store
from custode.domain.model import TokenId
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

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

    def __init__(self, record: Record, journal: Journal) -> None:
        self._record = record
        self._journal = journal

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
    def is_pending(self) -> bool:
        """Whether it is neither done, failed nor undone; whoever may have ended it meanwhile."""
        return self._journal.read(self.id).state is OperationState.PENDING

    @property
    def token(self) -> TokenId | None:
        """The token it was begun on, where its data names one (`asdict` of a TokenId)."""
        if not {"manufacturer", "model", "serial"} <= self.data.keys():
            return None
        return TokenId(self.data["manufacturer"], self.data["model"], self.data["serial"])

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
        :raises CustodeError: STATE_NOT_ALLOWED when it is over: what is over stays as it is
        """
        refuse_secrets(data)
        self._record = self._journal.change(self.id, step=Step(name, self._journal.now(), data))

    def done(self, **result: Any) -> None:
        """It is finished; nothing will resume it.

        :raises CustodeError: STATE_NOT_ALLOWED when it is over already, here and in the next two
        """
        self._end(OperationState.DONE, result)

    def failed(self, **why: Any) -> None:
        """It cannot go on and there is nothing to undo, or undoing is somebody else's."""
        self._end(OperationState.FAILED, why)

    def undone(self, **why: Any) -> None:
        """It was given up and its effects were taken back."""
        self._end(OperationState.UNDONE, why)

    def _end(self, state: OperationState, result: dict[str, Any]) -> None:
        refuse_secrets(result)
        self._record = self._journal.change(self.id, state=state, result=result)


class Journal:
    """All operations of this agent."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.when_over: Callable[[str], None] = _nothing
        """Told the id of each operation that has ended."""

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
        return Operation(record, self)

    def pending(self, kind: str | None = None) -> list[Operation]:
        """Operations that are neither done, failed nor undone, oldest first."""
        return [
            Operation(record, self)
            for record in self._store.all(Kind.OPERATIONS, Record).values()
            if record.state is OperationState.PENDING and kind in {None, record.kind}
        ]

    def ended(self, kind: str) -> list[Operation]:
        """Operations of a kind that are done, newest first."""
        found = [
            Operation(record, self)
            for record in self._store.all(Kind.OPERATIONS, Record).values()
            if record.state is OperationState.DONE and record.kind == kind
        ]
        return sorted(found, key=lambda operation: operation.record.changed_at, reverse=True)

    def find(self, operation_id: str) -> Operation | None:
        """One operation, whatever its state."""
        record = self._store.get(Kind.OPERATIONS, operation_id, Record)
        return None if record is None else Operation(record, self)

    def turn(self, operation_id: str) -> asyncio.Lock:
        """Held by whoever works on that operation: its procedure, or its `Resume` coroutine."""
        return self._turns.setdefault(operation_id, asyncio.Lock())

    def now(self) -> datetime:
        return self._clock.now()

    def read(self, operation_id: str) -> Record:
        """The record of an operation that was begun, as it is on the disk now."""
        record = self._store.get(Kind.OPERATIONS, operation_id, Record)
        assert record is not None  # noqa: S101 - rows of this table are never deleted
        return record

    def change(
        self,
        operation_id: str,
        *,
        step: Step | None = None,
        state: OperationState = OperationState.PENDING,
        result: Mapping[str, Any] | None = None,
    ) -> Record:
        """Write what happened, if the operation is not over: compare and set, without an `await`.

        :raises CustodeError: STATE_NOT_ALLOWED when it is over
        """
        with self._store.transaction():
            before = self.read(operation_id)
            if before.state is not OperationState.PENDING:
                raise CustodeError(
                    ErrorCode.STATE_NOT_ALLOWED, what=before.kind, state=before.state.value
                )
            after = replace(
                before,
                changed_at=self._clock.now(),
                steps=before.steps if step is None else (*before.steps, step),
                state=state,
                result=dict(result or {}),
            )
            self._store.put(Kind.OPERATIONS, operation_id, after)
        if state is not OperationState.PENDING:
            self.when_over(operation_id)
        return after


def _nothing(_operation_id: str) -> None:
    """Nobody wants to know."""


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
