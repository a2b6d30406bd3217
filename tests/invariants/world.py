"""The real authority over a database in memory, with a clock that obeys.

What is driven are the authority's own services, in its own transactions.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from tests.integration.authority.backups import conftest as tests

from custode_authority.ca.authority import Authority, open_authority
from custode_authority.ca.home import Home
from custode_authority.ca.setup import initialise
from custode_authority.errors import Refused
from custode_authority.storage.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.orm import Session

    from custode_authority.wire.problems import ProblemCode

T = TypeVar("T")
VALID_DAYS: Final = 30
GENERATION_S: Final = 60
APPROVAL_LIFE_S: Final = 7 * 86_400


class Hands(tests.Hands):
    """It starts when the authority was made, so that a story goes the same way every time."""

    def __init__(self, start: datetime) -> None:
        super().__init__()
        self._start = start


@dataclass(frozen=True)
class Beginning:
    """An authority, where its tables stand and since when; every story begins with a copy."""

    authority: Authority
    memory: sqlite3.Connection
    tables: sqlite3.Connection
    start: datetime

    def now(self, now: datetime) -> Beginning:
        """The same as it has become: a later beginning."""
        return replace(self, tables=_copy(self.memory), start=now)


@cache
def made() -> Beginning:
    """An authority made once, with empty tables: keys, tables and statements take their time."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        initialise(home, generation_s=GENERATION_S, validity_days=VALID_DAYS)
        authority = open_authority(home)
        authority.db.close()
        with closing(sqlite3.connect(home.database)) as file:
            tables = _copy(file)
    db = Database("sqlite://")
    with db._engine.connect() as connection:
        memory = connection.connection.driver_connection
    assert isinstance(memory, sqlite3.Connection)
    return Beginning(replace(authority, db=db), memory, tables, datetime.now(UTC))


def _copy(database: sqlite3.Connection) -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:")
    database.backup(copy)
    return copy


class World:
    """One authority and its clock. There is one at a time: all live in the same memory."""

    def __init__(
        self, beginning: Beginning | None = None, *, by_desk: bool = False, wait_s: int = 0
    ) -> None:
        begun = beginning or made()
        settings = msgspec.structs.replace(
            begun.authority.settings,
            activation="desk" if by_desk else "automatic",
            activation_wait_s=wait_s,
            approval_life_s=APPROVAL_LIFE_S,
        )
        self.clock = Hands(begun.start)
        begun.tables.backup(begun.memory)
        self._memory = begun.memory
        self.authority = replace(begun.authority, settings=settings, clock=self.clock)

    @property
    def changes(self) -> int:
        """Grows with every row that is written."""
        return self._memory.total_changes

    def transact(self, work: Callable[[Session], T]) -> T:
        """Run work in a transaction of its own, as the counter's handlers do."""
        self.clock.forward(milliseconds=1)  # no two things happen at the very same moment
        with self.authority.db.transaction() as tx:
            return work(tx)

    @contextmanager
    def looking(self) -> Iterator[Session]:
        """A transaction that is taken back: what is looked at stays as it was."""
        try:
            with self.authority.db.transaction() as tx:
                yield tx
                raise _TakenBack
        except _TakenBack:
            pass


class _TakenBack(Exception):
    """Ends a transaction without effect."""


def refused(call: Callable[[], object]) -> ProblemCode | None:
    """Make a call; give the code of its refusal, None when it was done."""
    try:
        call()
    except Refused as refusal:
        return refusal.code
    return None
