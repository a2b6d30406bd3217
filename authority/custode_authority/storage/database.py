"""The engine and its transactions. SQLite by default; nothing here rules PostgreSQL out."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine, event, text
from sqlalchemy.orm import Session

from custode_authority.storage.revisions import NEWEST, stored
from custode_authority.storage.tables import Revision, Setting, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

_log = logging.getLogger("custode_authority")
BUSY_S: Final = 10

# synchronous=FULL: what was answered survives a power cut. secure_delete: a destroyed recovery key
# is overwritten in its page, not only unlinked from it.
_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",
    f"PRAGMA busy_timeout={BUSY_S * 1000}",
)
_DESTROYED: Final = "custode_destroyed"


class Database:
    """One authority's database; safe to use from several threads and processes."""

    def __init__(self, url: str) -> None:
        """`url` as SQLAlchemy writes it, `sqlite:////path` or `postgresql+…`."""
        self._engine = create_engine(url, hide_parameters=True)  # no values in errors
        self._sqlite = self._engine.dialect.name == "sqlite"
        if self._sqlite:
            event.listen(self._engine, "connect", _prepare_sqlite)
            event.listen(self._engine, "begin", _begin_immediate)
        # SQLite has one writer; threads of this process queue here instead of knocking at its lock.
        self._turn = threading.Lock()

    def create(self) -> None:
        """Make the tables of a new database, of the newest revision."""
        with self._engine.begin() as connection:
            Table.metadata.create_all(connection)
        with self.transaction() as tx:
            if tx.get(Revision, NEWEST) is None:
                tx.add(Revision(version_num=NEWEST))
                tx.add(Setting(name="crl_revision", value=0))

    def is_current(self) -> bool:
        """Whether the database has the revision this version works with.

        :raises HomeUnusable: when it holds no authority.
        """
        with self._engine.connect() as connection:
            return stored(connection) == NEWEST

    def migrate(self) -> None:
        """Bring an older database up to date, in one transaction; a current one is left alone.

        :raises HomeUnusable: when it holds no authority.
        :raises DatabaseNewer: when a newer version wrote it.
        """
        if self.is_current():
            return
        from custode_authority.storage.migrating import upgrade

        with self._alone(), self._engine.connect() as connection:
            # Tables are rebuilt, and what refers to them must not follow (SQLite, ALTER TABLE §7);
            # inside a transaction the pragma would do nothing.
            self._enforce_references(connection, enforce=False)
            try:
                with connection.begin():
                    upgrade(connection)
            finally:
                self._enforce_references(connection, enforce=True)

    def _enforce_references(self, connection: Connection, *, enforce: bool) -> None:
        if self._sqlite:
            _driver(connection).execute(f"PRAGMA foreign_keys={'ON' if enforce else 'OFF'}")

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction that may write: commits at the end, or nothing of it happened.

        On SQLite it is the only writer from its first moment (BEGIN IMMEDIATE), so what it read
        still holds when it writes. Rows stay readable afterwards. If it destroyed a secret
        (`mark_destroyed`), the write-ahead log is emptied after the commit. Never nest them.

        :raises TimeoutError: when it did not get its turn in time.
        """
        with self._alone(), Session(self._engine, expire_on_commit=False) as tx:
            with tx.begin():
                tx.connection()  # begins now, not at the first statement
                yield tx
            if tx.info.get(_DESTROYED):
                self.truncate_log()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._sqlite:
            yield
            return
        if not self._turn.acquire(timeout=BUSY_S):
            raise TimeoutError("the database is busy")
        try:
            yield
        finally:
            self._turn.release()

    def truncate_log(self) -> None:
        """Write the log back into the database and empty it, so that no old page is left in it."""
        if not self._sqlite:
            return
        with self._engine.connect() as connection:
            busy, *_ = _driver(connection).execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            _log.error("the write-ahead log could not be emptied: another process reads")

    def check(self) -> None:
        """Ask the database one thing, for the health check."""
        with self._engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def mark_destroyed(tx: Session) -> None:
    """Say that this transaction destroys a secret, which must not survive in the log either."""
    tx.info[_DESTROYED] = True


def _driver(connection: Connection) -> Any:
    """Return the driver's own connection: for what must run outside any transaction."""
    raw = connection.connection.driver_connection
    assert raw is not None  # noqa: S101 - a connection that is open has its driver's
    return raw


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not begin transactions by itself: it would begin deferred ones.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
