import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, StatementError

from custode_authority.errors import Refused
from custode_authority.storage import audit, key_registry, nonces
from custode_authority.storage.database import Database
from custode_authority.storage.tables import Account, AuditEntry, Backup, NonceRow, Setting
from custode_authority.wire.problems import ProblemCode

NOW = datetime(2026, 5, 4, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def db(tmp_path: Path) -> Any:
    opened = Database(f"sqlite:///{tmp_path / 'test.sqlite'}")
    opened.create()
    yield opened
    opened.close()


def _account(tx: Any, code: str = "ANNA1") -> Account:
    account = Account(
        identity_code=code,
        codice_fiscale="A" * 16,
        password_hash="-",
        api_key_sha256=code,
        api_key_last4="0000",
        created_at=NOW,
    )
    tx.add(account)
    tx.flush()
    return account


def test_what_sqlite_is_told(db: Database) -> None:
    with db.transaction() as tx:
        told = {
            name: tx.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert told == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


def test_a_transaction_is_the_only_writer_from_its_first_moment(
    db: Database, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "test.sqlite", timeout=0, isolation_level=None)
    with db.transaction(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


def test_nothing_of_a_failed_transaction_remains(db: Database) -> None:
    def add_and_fail() -> None:
        with db.transaction() as tx:
            _account(tx)
            raise Refused(ProblemCode.FORBIDDEN)

    with pytest.raises(Refused):
        add_and_fail()
    with db.transaction() as tx:
        assert tx.scalars(select(Account)).all() == []


def test_threads_take_turns(db: Database) -> None:
    def count(_: int) -> None:
        with db.transaction() as tx:
            tx.get_one(Setting, "crl_revision").value += 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(40)))
    with db.transaction() as tx:
        assert tx.get_one(Setting, "crl_revision").value == 40


def test_moments_keep_their_zone_and_naive_ones_are_refused(db: Database) -> None:
    rome = NOW.astimezone(timezone(timedelta(hours=2)))
    with db.transaction() as tx:
        _account(tx).locked_until = rome
    with db.transaction() as tx:
        found = tx.scalars(select(Account)).one().locked_until
    assert (found, found and found.tzinfo) == (NOW, UTC)
    with db.transaction() as tx:
        account = tx.scalars(select(Account)).one()
        account.locked_until = NOW.replace(tzinfo=None)
        with pytest.raises(StatementError):
            tx.flush()
        tx.rollback()


def test_errors_show_no_values(db: Database) -> None:
    with db.transaction() as tx:
        _account(tx)
    with pytest.raises(IntegrityError) as failed, db.transaction() as tx:
        _account(tx)
    assert "AAAA" not in str(failed.value)


def test_tries_stay_in_range(db: Database) -> None:
    names = {constraint.name for constraint in Backup.__table__.constraints}  # type: ignore[attr-defined] # FromClause in the stubs
    assert "tries_in_range" in names


# --- audit ------------------------------------------------------------------------------------


def _chain(db: Database) -> None:
    with db.transaction() as tx:
        assert audit.head(tx) == audit.GENESIS
        entries = [audit.append(tx, "thing.done", {"n": number}, at=NOW) for number in range(4)]
        assert audit.head(tx) == entries[-1].hash


def test_an_untouched_chain_verifies(db: Database) -> None:
    _chain(db)
    with db.transaction() as tx:
        assert audit.first_broken(tx) is None


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("UPDATE audit SET data = '{}' WHERE seq = 2", 2),
        ("UPDATE audit SET name = 'thing.undone' WHERE seq = 1", 1),
        ("UPDATE audit SET at = '2026-05-04 12:00:00.123457' WHERE seq = 3", 3),
        ("DELETE FROM audit WHERE seq = 3", 4),
        ("DELETE FROM audit WHERE seq = 1", 2),
    ],
)
def test_every_change_of_the_chain_shows(db: Database, change: str, broken: int) -> None:
    _chain(db)
    with db.transaction() as tx:
        tx.execute(text(change))
    with db.transaction() as tx:
        assert audit.first_broken(tx) == broken


def test_an_entry_of_an_undone_transaction_is_not_there(db: Database) -> None:
    def append_and_fail() -> None:
        with db.transaction() as tx:
            audit.append(tx, "thing.done", {}, at=NOW)
            raise Refused(ProblemCode.FORBIDDEN)

    with pytest.raises(Refused):
        append_and_fail()
    with db.transaction() as tx:
        assert tx.scalars(select(AuditEntry)).all() == []


# --- nonces -----------------------------------------------------------------------------------


def _spend(tx: Any, account: Account, nonce: str, **changes: Any) -> bool:
    given: dict[str, Any] = {"purpose": "cancel", "now": NOW, **changes}
    code = _refusal(lambda: nonces.spend(tx, account, given["purpose"], nonce, now=given["now"]))
    assert code in {None, ProblemCode.NONCE_INVALID}
    return code is None


def test_a_nonce_is_spent_once_for_its_purpose_by_its_account_in_time(db: Database) -> None:
    with db.transaction() as tx:
        anna, bruno = _account(tx), _account(tx, "BRUNO2")
        nonce = nonces.issue(tx, anna, "cancel", now=NOW).nonce
        assert not _spend(tx, bruno, nonce)
        assert not _spend(tx, anna, nonce, purpose="backup.retire")
        assert not _spend(tx, anna, nonce, now=NOW + nonces.LIFE)
        assert not _spend(tx, anna, "x" * 32)
        assert _spend(tx, anna, nonce, now=NOW + nonces.LIFE - timedelta(seconds=1))
        assert not _spend(tx, anna, nonce)


def test_killing_ends_the_unspent_ones_of_one_account(db: Database) -> None:
    with db.transaction() as tx:
        anna, bruno = _account(tx), _account(tx, "BRUNO2")
        mine = nonces.issue(tx, anna, "cancel", now=NOW).nonce
        his = nonces.issue(tx, bruno, "cancel", now=NOW).nonce
        nonces.kill_for_account(tx, anna)
        assert (_spend(tx, anna, mine), _spend(tx, bruno, his)) == (False, True)


def test_old_nonces_do_not_pile_up(db: Database) -> None:
    with db.transaction() as tx:
        anna = _account(tx)
        for _ in range(3):
            nonces.issue(tx, anna, "cancel", now=NOW)
        nonces.issue(tx, anna, "cancel", now=NOW + nonces.LIFE)
        assert len(tx.scalars(select(NonceRow)).all()) == 1


# --- keys -------------------------------------------------------------------------------------


def _refusal(call: Any) -> ProblemCode | None:
    try:
        call()
    except Refused as refused:
        return refused.code
    return None


def test_the_registry_of_keys(db: Database) -> None:
    with db.transaction() as tx:
        anna, bruno = _account(tx), _account(tx, "BRUNO2")

        def claim(account: Account, key: str) -> ProblemCode | None:
            return _refusal(lambda: key_registry.claim(tx, account, key, now=NOW))

        def reserve(account: Account, key: str) -> ProblemCode | None:
            return _refusal(
                lambda: key_registry.reserve_successor(tx, account, key, "b" * 32, now=NOW)
            )

        assert (claim(anna, "k1"), claim(anna, "k1")) == (None, None)
        assert claim(bruno, "k1") is ProblemCode.KEY_OF_ANOTHER
        assert reserve(bruno, "k1") is ProblemCode.KEY_OF_ANOTHER
        assert reserve(anna, "k1") is ProblemCode.CSR_KEY
        assert reserve(anna, "k2") is None
        assert reserve(anna, "k2") is ProblemCode.KEY_IS_SUCCESSOR
        assert claim(anna, "k2") is ProblemCode.KEY_IS_SUCCESSOR
        wrong = _refusal(lambda: key_registry.grant_successor(tx, "k2", "c" * 32))
        assert wrong is ProblemCode.KEY_IS_SUCCESSOR
        key_registry.grant_successor(tx, "k2", "b" * 32)
        assert claim(anna, "k2") is None
        key_registry.compromise(tx, "k2", now=NOW)
        assert claim(anna, "k2") is ProblemCode.KEY_COMPROMISED


def test_a_log_holds_what_it_once_was_and_nothing_else(db: Database) -> None:
    with db.transaction() as tx:
        audit.append(tx, "one", {}, at=NOW)
        first = audit.head(tx)
        audit.append(tx, "two", {}, at=NOW)
        assert audit.holds(tx, first)
        assert audit.holds(tx, audit.head(tx))
        assert audit.holds(tx, audit.GENESIS)
        assert not audit.holds(tx, "f" * 64)
