"""The database: rows, transactions, and what happens when it is damaged."""

import sqlite3
import stat
from pathlib import Path

import pytest
from msgspec import Struct

from custode.daemon.store import SCHEMA_VERSION, Kind, Store
from custode.error_codes import ErrorCode
from custode.errors import CustodeError


class Row(Struct, frozen=True):
    name: str
    count: int = 0


def test_rows_outlive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    store = Store.open(path)
    store.put(Kind.TOKENS, "a", Row("first"))
    store.put(Kind.TOKENS, "b", Row("second"))
    store.put(Kind.TOKENS, "a", Row("first", 2))
    store.put(Kind.BACKUPS, "a", Row("other table"))
    store.set_meta("key", "old")
    store.set_meta("key", "new")
    store.close()
    again = Store.open(path)
    assert again.all(Kind.TOKENS, Row) == {"a": Row("first", 2), "b": Row("second")}
    assert again.get(Kind.BACKUPS, "a", Row) == Row("other table")
    assert again.get(Kind.BACKUPS, "z", Row) is None
    assert (again.meta("key"), again.meta("none")) == ("new", None)
    again.delete(Kind.TOKENS, "a")
    again.delete(Kind.TOKENS, "a")
    assert list(again.all(Kind.TOKENS, Row)) == ["b"]
    again.close()


def test_it_is_private_and_syncs_fully(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    store = Store.open(path)
    store.put(Kind.TOKENS, "a", Row("x"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)
    store.close()


def test_a_transaction_is_all_or_nothing(store: Store) -> None:
    store.put(Kind.TOKENS, "kept", Row("x"))

    def fail() -> None:
        with store.transaction():
            store.put(Kind.TOKENS, "lost", Row("y"))
            with store.transaction():  # part of the outer one
                store.put(Kind.BACKUPS, "lost", Row("z"))
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert list(store.all(Kind.TOKENS, Row)) == ["kept"]
    assert store.all(Kind.BACKUPS, Row) == {}


def test_a_damaged_database_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    store = Store.open(path)
    for number in range(200):
        store.put(Kind.TOKENS, str(number), Row("x" * 200))
    store.close()
    damaged = bytearray(path.read_bytes())
    damaged[8192:20480] = b"\xa5" * 12288
    path.write_bytes(damaged)
    with pytest.raises(CustodeError) as caught:
        Store.open(path)
    assert (caught.value.code, caught.value.exit) == (ErrorCode.DATABASE_CORRUPT, 30)
    assert path.read_bytes() == damaged


@pytest.mark.parametrize("content", [b"not a database at all, but long enough" * 200, b"SQLite"])
def test_something_else_is_not_overwritten(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.sqlite"
    path.write_bytes(content)
    with pytest.raises(CustodeError) as caught:
        Store.open(path)
    assert caught.value.code is ErrorCode.DATABASE_CORRUPT
    assert path.read_bytes() == content


def test_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    Store.open(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    raw.close()
    with pytest.raises(CustodeError) as caught:
        Store.open(path)
    assert caught.value.code is ErrorCode.DATABASE_NEWER


def test_a_row_of_the_wrong_shape_is_damage(store: Store) -> None:
    store.put(Kind.TOKENS, "a", {"name": 7})
    with pytest.raises(CustodeError) as caught:
        store.get(Kind.TOKENS, "a", Row)
    assert caught.value.code is ErrorCode.DATABASE_CORRUPT


def test_a_database_from_before_modules_were_remembered_gets_their_table(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    store = Store.open(path)
    store.put(Kind.TOKENS, "kept", Row("x"))
    store._db.execute(f"DROP TABLE {Kind.MODULES}")
    store._db.execute("PRAGMA user_version=1")
    store.close()
    again = Store.open(path)
    assert (again.fresh, again.all(Kind.MODULES, Row)) == (False, {})
    assert again.get(Kind.TOKENS, "kept", Row) == Row("x")
    assert again._db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    again.close()
