"""Checks of what lies on the disk: whose the files are, the database, the audit log."""

from __future__ import annotations

import os
import pwd
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from custode.daemon.audit import Anchor, Head, verify_file
from custode.daemon.store import SCHEMA_VERSION
from custode.rpc.lock import is_locked
from custode_drivers.api.checks import Check, Finding, Outcome

if TYPE_CHECKING:
    from custode.doctor.patient import Patient
    from custode.paths import Paths

_OTHERS: Final = 0o077
_WRITE: Final = 0o022
_SHOWN: Final = 20


def files(patient: Patient, _subject: str) -> Iterator[Finding]:
    """Whether what the agent keeps is this user's, and nobody else's to read."""
    paths = patient.paths
    found = [finding for path in _kept(patient) if (finding := _whose(path, _OTHERS)) is not None]
    # Settings are no secret, but whoever may write them names the library that the agent loads.
    settings = (_whose(path, _WRITE) for path in (paths.config, paths.config.parent))
    found += [finding for finding in settings if finding is not None]
    names = dict.fromkeys(finding.about for finding in found)
    if not found:
        yield Finding("private")
    yield from [next(one for one in found if one.about == name) for name in names][:_SHOWN]


def _kept(patient: Patient) -> Iterator[Path]:
    paths = patient.paths
    yield from (paths.home, paths.run, paths.authority_home)
    yield from (paths.state, paths.audit, paths.lock)
    yield from (paths.state.with_name(f"{paths.state.name}{end}") for end in ("-wal", "-shm"))
    yield from (paths.log, paths.authority_log, paths.cli_log)
    yield paths.home / "requests"
    with suppress(OSError):
        yield from sorted(paths.authority_home.rglob("*"))


def _whose(path: Path, refused: int) -> Finding | None:
    """What is wrong with owner or permissions of a file; None: nothing, or it is not there."""
    try:
        found = path.lstat()
    except OSError:
        return None
    told = {"path": str(path)}
    if found.st_uid != os.getuid():
        return Finding("of_another", str(path), {**told, "user": _me(), "owner": found.st_uid})
    if stat.S_ISLNK(found.st_mode) or not found.st_mode & refused:
        return None
    mode = f"{stat.S_IMODE(found.st_mode):04o}"
    return Finding("open" if refused == _OTHERS else "writable", str(path), {**told, "mode": mode})


def _me() -> str:
    with suppress(KeyError):
        return pwd.getpwuid(os.getuid()).pw_name
    return str(os.getuid())


def state(patient: Patient, _subject: str) -> Iterator[Finding]:
    """Whether the database can be read, is whole, and is not of a later version."""
    path = patient.paths.state
    told: dict[str, object] = {"path": str(path)}
    if not path.exists():
        yield Finding("none", data=told)
        return
    if not os.access(path, os.R_OK | os.W_OK):
        yield Finding("closed", data=told)
        return
    try:
        with closing(read_only(patient.paths)) as database:
            verdict = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
            (number,) = database.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as exc:
        yield Finding("damaged", data={**told, "why": str(exc)})
        return
    if verdict != "ok":
        yield Finding("damaged", data={**told, "why": str(verdict)})
    else:
        yield Finding("newer" if number > SCHEMA_VERSION else "whole", data=told)


def audit(patient: Patient, _subject: str) -> Iterator[Finding]:
    """Whether the audit log is whole, by itself and by what the database remembers of it."""
    path = patient.paths.audit
    told: dict[str, object] = {"path": str(path)}
    if not path.exists():
        yield Finding("none", data=told)
        return
    if not os.access(path, os.R_OK | os.W_OK):
        yield Finding("closed", data=told)
        return
    anchor = _anchor(patient.paths)  # before the log, which may grow meanwhile
    verdict = verify_file(path, None if anchor is None else anchor[0])
    told |= {"entries": verdict.entries, "entry": verdict.first_bad, "why": verdict.why}
    if not verdict.ok:
        yield Finding("broken", data=told)
    else:
        yield Finding("cut" if anchor is not None and anchor[1] else "whole", data=told)


def _anchor(paths: Paths) -> tuple[Head | None, bool] | None:
    """What the database remembers of the log: its newest head, and whether it was ever cut."""
    try:
        with closing(read_only(paths)) as database:
            rows = dict(database.execute("SELECT key, value FROM meta").fetchall())
    except sqlite3.Error:
        return None
    kept = Anchor(rows.get, lambda _key, _value: None)
    return kept.load(), kept.cut() is not None


def read_only(paths: Paths) -> sqlite3.Connection:
    """Open the database without a trace. :raises sqlite3.Error: it is none, or cannot be read.

    Where no agent works with it and nothing waits in its write-ahead log it is taken as it lies
    there: SQLite would make files beside it else.
    """
    path = paths.state
    log = path.with_name(f"{path.name}-wal")
    still = not is_locked(paths) and (not log.exists() or not log.stat().st_size)
    database = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if still else ''}", uri=True, timeout=2
    )
    database.execute("PRAGMA query_only=1")
    return database


def checks() -> tuple[Check[Patient], ...]:
    """The checks of this file, in the order in which people read them."""
    return (
        Check(
            "agent.files",
            files,
            {
                "private": Outcome.PASS,
                "open": Outcome.FAIL,
                "writable": Outcome.FAIL,
                "of_another": Outcome.FAIL,
            },
        ),
        Check(
            "agent.state",
            state,
            {
                "whole": Outcome.PASS,
                "none": Outcome.NOT_APPLICABLE,
                "closed": Outcome.FAIL,
                "damaged": Outcome.FAIL,
                "newer": Outcome.FAIL,
            },
        ),
        Check(
            "agent.audit",
            audit,
            {
                "whole": Outcome.PASS,
                "none": Outcome.NOT_APPLICABLE,
                "closed": Outcome.FAIL,
                "broken": Outcome.FAIL,
                "cut": Outcome.FAIL,
            },
        ),
    )
