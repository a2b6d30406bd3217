"""Make a recovery export: read the authority, seal it under a PIN, write one file.

The file is written under a hidden name in the same folder, synced, read back, opened, and then
named; a file that has its name is complete. One that is there already is never touched.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing, suppress
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding

from custode_authority.ca import keys
from custode_authority.ca.files import sync_folder, write_private
from custode_authority.errors import HomeUnusable
from custode_authority.recovery import export_file, payload
from custode_authority.recovery.errors import RecoveryCode, RecoveryFailed
from custode_authority.recovery.export_file import ExportInvalid, ExportTooLarge, Manifest
from custode_authority.storage.audit import GENESIS
from custode_authority.wire import parameters
from custode_authority.wire import pin as pin_rule

if TYPE_CHECKING:
    from datetime import datetime

    from custode_authority.ca.home import Home

SUFFIX: Final = ".iwr"
# What link() says where there are no hard links (FAT): EPERM on Linux, the others elsewhere.
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """An export that lies on its medium."""

    path: str
    sha256: str
    at: datetime
    authority_name: str
    audit_entries: int


def export(home: Home, to: Path, pin: bytes | bytearray, *, now: datetime) -> Made:
    """Export the authority of a folder, whether it is running or not.

    `to` is a folder (the file gets a name of its own) or a file that is not there yet.

    :raises RecoveryFailed: EXPORT_PIN_WEAK, AUTHORITY_BROKEN, EXPORT_TOO_LARGE, FILE_MISSING,
        FILE_EXISTS, FILE_UNWRITABLE
    """
    require_pin(pin)
    now = now.replace(microsecond=0)
    wanted, exact = _wanted(to, now)
    about, data = _sealed(home, pin, now)
    try:
        path = _write(wanted, data, exact=exact)
    except OSError as exc:
        raise _unwritable(wanted, exc) from exc
    made = Made(
        path=str(path),
        sha256=sha256(data).hexdigest(),
        at=now,
        authority_name=about.authority_name,
        audit_entries=about.audit_entries,
    )
    # Read by the agent: from now on the need for an export is met. Never part of an export.
    record = {"at": now, "sha256": made.sha256}
    try:
        write_private(home.recovery_export_record, msgspec.json.encode(record))
    except OSError as exc:
        raise _unwritable(home.recovery_export_record, exc) from exc
    return made


def require_pin(pin: bytes | bytearray) -> None:
    """Go on only with what may be a new PIN.

    :raises RecoveryFailed: EXPORT_PIN_WEAK
    """
    if pin_rule.fault(pin) is not None:
        least, most = parameters.PIN_MIN_LENGTH, parameters.PIN_MAX_LENGTH
        raise RecoveryFailed(RecoveryCode.EXPORT_PIN_WEAK, min=least, max=most)


def _wanted(to: Path, now: datetime) -> tuple[Path, bool]:
    """The file's path, and whether it has to be exactly that one."""
    if to.is_dir():
        return to / f"custode-authority_{now.astimezone():%Y-%m-%d}{SUFFIX}", False
    if to.exists() or to.is_symlink():
        raise RecoveryFailed(RecoveryCode.FILE_EXISTS, path=str(to))
    if not to.parent.is_dir():
        raise RecoveryFailed(RecoveryCode.FILE_MISSING, path=str(to.parent))
    return to, True


def _sealed(home: Home, pin: bytes | bytearray, now: datetime) -> tuple[Manifest, bytes]:
    try:
        unlocked = keys.unlock(home)
        files = payload.collect(home)
        entries, head = _audit_of(files[payload.DATABASE])
        about = Manifest(
            created=now,
            authority_name=home.settings().name,
            ca_sha256=sha256(unlocked.ca_certificate.public_bytes(Encoding.DER)).hexdigest(),
            audit_entries=entries,
            audit_head=head,
        )
        key, certificate = unlocked.statement_key, unlocked.statement_certificate
        return about, export_file.build(about, files, pin, key, certificate)
    except ExportTooLarge as exc:
        most = parameters.MAX_EXPORT_CONTENT_SIZE
        raise RecoveryFailed(RecoveryCode.EXPORT_TOO_LARGE, max=most) from exc
    except (HomeUnusable, OSError, sqlite3.Error, ExportInvalid, payload.PayloadInvalid) as exc:
        why = str(exc) or type(exc).__name__
        raise RecoveryFailed(RecoveryCode.AUTHORITY_BROKEN, path=str(home.folder), why=why) from exc


def _audit_of(database: bytes) -> tuple[int, str]:
    """How far the log of a snapshot had come."""
    with closing(sqlite3.connect(":memory:")) as copy:
        copy.deserialize(database)
        row = copy.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return (0, GENESIS) if row is None else (int(row[0]), str(row[1]))


def _write(wanted: Path, data: bytes, *, exact: bool) -> Path:
    """Bring the file to its place; nothing half written stays.

    :raises RecoveryFailed: FILE_EXISTS for an `exact` name that was taken meanwhile
    """
    partial = wanted.with_name(".custode-authority.partial")
    partial.unlink(missing_ok=True)  # of an attempt that was killed
    try:
        _fill(partial, data)
        path = _name(partial, wanted, exact=exact)
    finally:
        with suppress(OSError):  # the stick is gone; the error that is on its way says so
            partial.unlink(missing_ok=True)
    sync_folder(path.parent)
    return path


def _fill(partial: Path, data: bytes) -> None:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(partial, flags, 0o600), "w+b") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        file.seek(0)
        if file.read() != data:
            raise OSError(errno.EIO, "read back other bytes than were written")


def _name(partial: Path, wanted: Path, *, exact: bool) -> Path:
    """`wanted`, or beside it the first of `…_2`, `…_3` that is free."""
    for number in count(1):
        path = wanted
        if number > 1:
            path = wanted.with_name(f"{wanted.stem}_{number}{wanted.suffix}")
        try:
            _link(partial, path)
        except FileExistsError:
            if exact:
                raise RecoveryFailed(RecoveryCode.FILE_EXISTS, path=str(path)) from None
        else:
            return path
    raise AssertionError  # pragma: no cover - numbers do not end


def _link(partial: Path, path: Path) -> None:
    try:
        path.hardlink_to(partial)
    except OSError as exc:
        if exc.errno not in _NO_LINKS:
            raise
        if path.exists() or path.is_symlink():
            raise FileExistsError(errno.EEXIST, "exists", str(path)) from None
        partial.rename(path)


def _unwritable(path: Path, exc: OSError) -> RecoveryFailed:
    why = exc.strerror or type(exc).__name__
    return RecoveryFailed(RecoveryCode.FILE_UNWRITABLE, path=str(path), why=why)
