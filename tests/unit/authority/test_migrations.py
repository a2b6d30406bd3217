"""Old databases become new ones, newer ones are refused, and nothing is loaded for nothing."""

import fcntl
import re
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, select

from custode_authority.ca.authority import open_authority
from custode_authority.ca.home import Home
from custode_authority.ca.setup import initialise
from custode_authority.errors import DatabaseNewer, HomeUnusable
from custode_authority.main import main
from custode_authority.storage import migrating
from custode_authority.storage.database import Database
from custode_authority.storage.revisions import BASELINE, NEWEST
from custode_authority.storage.tables import Account, Operation, OperationKind

ROOT = Path(__file__).resolve().parents[3]
BEFORE = Path(__file__).with_name("data") / "revision_0001.sql"


def _fill(path: Path) -> None:
    for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        name.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(BEFORE.read_text())


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.sqlite"
    _fill(path)
    return path


def _do(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(sql).fetchall()


def _schema(path: Path) -> dict[str, list[str]]:
    """Every table and index with the lines that make it; their order says nothing."""
    rows = _do(path, "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {
        str(name): sorted(
            re.sub(r"\s+", " ", line.strip().rstrip(",")).replace('"', "")
            for line in str(sql).splitlines()
        )
        for name, sql in rows
    }


def _migrate(path: Path) -> None:
    with closing(Database(f"sqlite:///{path}")) as db:
        db.migrate()


@pytest.fixture
def new(tmp_path: Path) -> Path:
    path = tmp_path / "new.sqlite"
    with closing(Database(f"sqlite:///{path}")) as db:
        db.create()
    return path


def test_the_comparison_sees_a_difference(new: Path, old: Path) -> None:
    assert _schema(new) != _schema(old)
    before = _schema(new)
    _do(new, "DROP INDEX ix_reports_account_id")
    assert _schema(new) != before


def test_a_migrated_database_is_a_new_one(old: Path, new: Path) -> None:
    _migrate(old)
    assert _schema(old) == _schema(new)
    settings = "SELECT name FROM settings"
    assert _do(old, settings) == _do(new, settings) == [("crl_revision",)]
    revision = "SELECT version_num FROM alembic_version"
    assert _do(old, revision) == _do(new, revision) == [(NEWEST,)]


def test_all_revisions_from_nothing_make_a_new_one(tmp_path: Path, new: Path) -> None:
    path = tmp_path / "grown.sqlite"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        command.upgrade(migrating.scripts(connection), "head")
    engine.dispose()
    assert _schema(path) == _schema(new)


def test_the_newest_revision_is_the_last_script() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        scripts = ScriptDirectory.from_config(migrating.scripts(connection))
        assert (scripts.get_heads(), scripts.get_bases()) == ([NEWEST], [BASELINE])


def test_what_people_had_is_still_there(old: Path) -> None:
    _migrate(old)
    with closing(Database(f"sqlite:///{old}")) as db, db.transaction() as tx:
        kinds = list(tx.scalars(select(Operation.kind).order_by(Operation.id)))
        assert kinds == [OperationKind.ENROLL, OperationKind.REENROLL]
        assert tx.scalars(select(Account.identity_code)).all() == ["ANNA1"]
        first = tx.get_one(Operation, "26030912345678")
        assert first.certificate is not None
        assert first.certificate.serial_number == "1f"
    with pytest.raises(sqlite3.IntegrityError, match="operationkind"):
        _do(old, "UPDATE operations SET kind = 'anything'")


def test_what_was_backed_up_lies_in_folders(old: Path) -> None:
    row = {
        "id": "b" * 32,
        "account_id": 1,
        "kind": "successor",
        "state": "registered",
        "original_id": 1,
        "original_sha256": "0" * 64,
        "reserved_at": "2026-03-09 12:00:00.000000",
        "recovery_public_key": "key",
        "tries_used": 2,
        "wrong_pins": 2,
    }
    values = ", ".join(repr(value) for value in row.values())
    _do(old, f"INSERT INTO backups ({', '.join(row)}) VALUES ({values})")  # noqa: S608 - our own row
    _migrate(old)
    found = _do(old, "SELECT id, place, tries_used, recovery_public_key FROM backups")
    assert found == [("b" * 32, "folder", 2, "key")]
    with pytest.raises(sqlite3.IntegrityError, match="backupplace"):
        _do(old, "UPDATE backups SET place = 'elsewhere'")


def test_references_are_enforced_again_afterwards(old: Path) -> None:
    with closing(Database(f"sqlite:///{old}")) as db:
        db.migrate()
        with db.transaction() as tx:
            assert tx.connection().exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_migration_that_fails_changes_nothing(old: Path) -> None:
    _do(old, "UPDATE certificates SET operation_id = 'none'")
    before = _schema(old), _do(old, "SELECT * FROM operations")
    with pytest.raises(HomeUnusable, match="rows that are not there"):
        _migrate(old)
    assert (_schema(old), _do(old, "SELECT * FROM operations")) == before


@pytest.mark.parametrize("sql", ["", "CREATE TABLE other (id INTEGER)"])
def test_what_is_no_authority_is_refused(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "other.sqlite"
    if sql:
        _do(path, sql)
    with pytest.raises(HomeUnusable, match="holds no authority"):
        _migrate(path)


# --- a whole home -----------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    initialise(made, generation_s=0, validity_days=10)
    _fill(made.database)
    return made


def test_init_and_serve_bring_a_home_up_to_date(home: Home, new: Path) -> None:
    assert main(["init", "--home", str(home.folder)]) == 0
    assert _schema(home.database) == _schema(new)
    _fill(home.database)
    open_authority(home).db.close()  # as `serve` does
    assert _schema(home.database) == _schema(new)


def test_init_leaves_a_served_home_alone(home: Home) -> None:
    before = _schema(home.database)
    with home.lock.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert main(["init", "--home", str(home.folder)]) == 0
    assert _schema(home.database) == before


@pytest.mark.parametrize("program", ["init", "serve"])
def test_a_newer_database_is_refused_and_left_alone(home: Home, program: str) -> None:
    open_authority(home).db.close()
    _do(home.database, "UPDATE alembic_version SET version_num = '9999'")
    before = home.database.read_bytes()
    with pytest.raises(DatabaseNewer) as refused:
        open_authority(home)
    assert (refused.value.found, refused.value.newest) == ("9999", NEWEST)
    done = subprocess.run(
        [sys.executable, "-m", "custode_authority.main", program, "--home", str(home.folder)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 6
    assert "newer version of Custode: its revision is 9999" in done.stderr
    assert "Traceback" not in done.stderr
    assert home.database.read_bytes() == before


def test_alembic_is_loaded_only_when_something_is_to_be_done(home: Home) -> None:
    look = (
        "import sys\n"
        "from pathlib import Path\n"
        "from custode_authority.ca.authority import open_authority\n"
        "from custode_authority.ca.home import Home\n"
        "from custode_authority.web import serving\n"
        "authority = open_authority(Home(Path(sys.argv[1])))\n"
        "serving.counter_app(authority), serving.revocation_app(authority)\n"
        "heavy = {'alembic', 'mako', 'custode_authority.web.openapi'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    command = [sys.executable, "-c", look, str(home.folder)]

    def loaded() -> str:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        return done.stdout.strip()

    assert "alembic" in loaded()
    assert loaded() == "[]"


def test_the_wheel_carries_the_scripts(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, capture_output=True, timeout=60, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    folder = migrating.SCRIPTS
    scripts = {
        f"custode_authority/storage/migrations/{path.relative_to(folder).as_posix()}"
        for path in folder.rglob("*.py")
    }
    assert len(scripts) >= 5
    assert scripts <= names
