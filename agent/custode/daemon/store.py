"""What the agent remembers: SQLite, one table a kind, one JSON body a row.

Calls are synchronous on purpose: a row is some hundred bytes, and what is written between two
`await`s is one transaction that nobody else can see half of. `synchronous=FULL` with WAL: what a
procedure was told is saved is on the disk.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import msgspec

from custode.error_codes import ErrorCode
from custode.errors import CustodeError

SCHEMA_VERSION: Final = 2  # 1: without MODULES

T = TypeVar("T")


class Kind(StrEnum):
    """The tables."""

    IDENTITIES = "identities"
    TOKENS = "tokens"
    CERTIFICATES = "certificates"
    BACKUPS = "backups"
    OPERATIONS = "operations"
    PROMPTS = "prompts"
    MODULES = "modules"  # which of them showed a kind of card


class Store:
    """One open database."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db = connection
        self.path = path
        self.fresh = False
        """Whether it was empty when it was opened."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open or make the database.

        :raises CustodeError: DATABASE_CORRUPT when it does not pass SQLite's own check (it is
            left as it is), DATABASE_NEWER when a later version of Custode wrote it
        """
        try:
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            connection = sqlite3.connect(path, timeout=5, isolation_level=None)
        except (OSError, sqlite3.Error) as exc:
            raise CustodeError(ErrorCode.FILE_UNREADABLE, path=str(path), why=str(exc)) from exc
        store = cls(connection, path)
        try:
            store._prepare()
        except sqlite3.DatabaseError as exc:
            connection.close()
            raise CustodeError(ErrorCode.DATABASE_CORRUPT, path=str(path), why=str(exc)) from exc
        except CustodeError:
            connection.close()
            raise
        return store

    def _prepare(self) -> None:
        verdict = self._db.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise CustodeError(ErrorCode.DATABASE_NEWER, path=str(self.path), version=version)
        if version < SCHEMA_VERSION:
            self.fresh = version == 0
            with self.transaction():
                for kind in Kind:
                    self._db.execute(
                        f"CREATE TABLE IF NOT EXISTS {kind} "
                        "(id TEXT PRIMARY KEY, body BLOB NOT NULL, updated_at TEXT NOT NULL)"
                    )
                self._db.execute(
                    "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)"
                )
                self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION:d}")

    def close(self) -> None:
        """Close the database; the WAL goes into it."""
        self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing. One inside another is part of the outer one. No `await` inside."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def put(self, kind: Kind, row_id: str, value: Any) -> None:
        """Save a msgspec Struct (or a dataclass, or plain JSON values) under its id."""
        self._db.execute(
            f"INSERT INTO {kind} (id, body, updated_at) VALUES (?, ?, ?)"  # noqa: S608 - our enum
            " ON CONFLICT (id) DO UPDATE SET body=excluded.body, updated_at=excluded.updated_at",
            (row_id, msgspec.json.encode(value), datetime.now(UTC).isoformat()),
        )

    def get(self, kind: Kind, row_id: str, as_type: type[T]) -> T | None:
        """Read one row.

        :raises CustodeError: DATABASE_CORRUPT when the row is not of that shape
        """
        row = self._db.execute(
            f"SELECT body FROM {kind} WHERE id=?",  # noqa: S608 - our enum
            (row_id,),
        ).fetchone()
        return None if row is None else self._decode(kind, row_id, row[0], as_type)

    def all(self, kind: Kind, as_type: type[T]) -> dict[str, T]:
        """Read all rows of a kind, by id, oldest row first."""
        rows = self._db.execute(
            f"SELECT id, body FROM {kind} ORDER BY rowid"  # noqa: S608 - our enum
        ).fetchall()
        return {row_id: self._decode(kind, row_id, body, as_type) for row_id, body in rows}

    def delete(self, kind: Kind, row_id: str) -> None:
        """Forget one row; one that is not there is fine."""
        self._db.execute(f"DELETE FROM {kind} WHERE id=?", (row_id,))  # noqa: S608 - our enum

    def meta(self, key: str) -> str | None:
        """Read a single value that belongs to no kind (the authority's pin, the audit's head)."""
        row = self._db.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        """Save a single value."""
        self._db.execute(
            "INSERT INTO meta (key, value) VALUES (?, ?)"
            " ON CONFLICT (key) DO UPDATE SET value=excluded.value",
            (key, value),
        )

    def _decode(self, kind: Kind, row_id: str, body: bytes, as_type: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=as_type)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise CustodeError(
                ErrorCode.DATABASE_CORRUPT, path=str(self.path), why=f"{kind} {row_id}: {exc}"
            ) from exc
