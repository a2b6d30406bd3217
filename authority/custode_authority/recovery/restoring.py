"""Bring an authority back from its recovery export, into a folder that has none.

It is put together beside the folder, closed (`closing`), checked, synced, and then takes the
folder's place; whatever was in that place is moved aside, never deleted.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Final

import msgspec

from custode_authority.ca import keys
from custode_authority.ca.files import sync_folder, write_private
from custode_authority.ca.home import Home
from custode_authority.errors import DatabaseNewer, HomeUnusable
from custode_authority.recovery import closing, export_file
from custode_authority.recovery.errors import RecoveryCode, RecoveryFailed
from custode_authority.recovery.export_file import ExportClosed, ExportInvalid
from custode_authority.storage import audit
from custode_authority.storage.database import Database
from custode_authority.wire.parameters import MAX_EXPORT_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from custode_authority.recovery.closing import Closed, Ended
    from custode_authority.recovery.export_file import Export

_ASIDE: Final = "replaced"


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """An authority that is back. `moved_aside`: where what was in its place lies now."""

    authority_name: str
    ca_sha256: str
    exported_at: datetime
    locked_backups: list[str]
    ended_certificates: list[str]
    moved_aside: str | None = None


def restore(
    home: Home,
    source: Path,
    pin: bytes | bytearray,
    ended: Sequence[Ended] = (),
    *,
    ca_sha256: str | None = None,
    replace: bool = False,
    now: datetime,
) -> Restored:
    """Bring it back. With `replace` also over an authority that is there, which is moved aside.

    `ca_sha256` is the CA that is expected, when one is known. Nobody may be serving the folder.

    :raises RecoveryFailed: FILE_MISSING, FILE_UNREADABLE, EXPORT_INVALID, AUTHORITY_EXISTS,
        EXPORT_OF_ANOTHER, EXPORT_PIN_WRONG, DATABASE_NEWER, FILE_UNWRITABLE
    """
    export = _read(source)
    if home.ready and not replace:
        raise RecoveryFailed(RecoveryCode.AUTHORITY_EXISTS, path=str(home.folder))
    if ca_sha256 not in {None, export.about.ca_sha256} and not replace:
        raise RecoveryFailed(RecoveryCode.EXPORT_OF_ANOTHER, path=str(source))
    try:
        files = export.open(pin)
    except ExportClosed as exc:
        raise RecoveryFailed(RecoveryCode.EXPORT_PIN_WRONG, path=str(source)) from exc
    except ExportInvalid as exc:
        raise _invalid(source) from exc
    fresh = Home(home.folder.with_name(f".{home.folder.name}.restoring"))
    try:
        try:
            closed = _build(fresh, files, export, ended, now)
            aside = _take_place(fresh.folder, home.folder)
        except DatabaseNewer as exc:
            raise RecoveryFailed(RecoveryCode.DATABASE_NEWER, path=str(source)) from exc
        except (ExportInvalid, HomeUnusable) as exc:
            raise _invalid(source) from exc
        finally:
            with suppress(FileNotFoundError):
                shutil.rmtree(fresh.folder)
    except OSError as exc:
        why = exc.strerror or type(exc).__name__
        raise RecoveryFailed(RecoveryCode.FILE_UNWRITABLE, path=str(home.folder), why=why) from exc
    return Restored(
        authority_name=export.about.authority_name,
        ca_sha256=export.about.ca_sha256,
        exported_at=export.about.created,
        locked_backups=closed.backups,
        ended_certificates=closed.certificates,
        moved_aside=None if aside is None else str(aside),
    )


def _read(source: Path) -> Export:
    try:
        # O_NONBLOCK: a named pipe must not keep us waiting.
        with os.fdopen(os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _invalid(source)
            data = file.read(MAX_EXPORT_SIZE + 1)
    except FileNotFoundError as exc:
        raise RecoveryFailed(RecoveryCode.FILE_MISSING, path=str(source)) from exc
    except OSError as exc:
        raise RecoveryFailed(
            RecoveryCode.FILE_UNREADABLE, path=str(source), why=exc.strerror
        ) from exc
    try:
        return export_file.read(data)
    except ExportInvalid as exc:
        raise _invalid(source) from exc


def _build(
    fresh: Home, files: Mapping[str, bytes], export: Export, ended: Sequence[Ended], now: datetime
) -> Closed:
    """Put the authority together in a folder of its own; the settings last, as `init` does."""
    with suppress(FileNotFoundError):
        shutil.rmtree(fresh.folder)  # of an attempt that was killed
    fresh.folder.mkdir(mode=0o700, parents=True)
    for name in sorted(files, key=lambda name: name == fresh.settings_file.name):
        path = fresh.folder / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_private(path, files[name])
    keys.unlock(fresh)
    fresh.settings()
    closed = _closed(fresh, export, ended, now)
    sync_folder(fresh.folder)
    return closed


def _closed(fresh: Home, export: Export, ended: Sequence[Ended], now: datetime) -> Closed:
    db = Database(fresh.database_url)
    try:
        db.migrate()  # the export may be an older version's
        with db.transaction() as tx:
            whole = audit.first_broken(tx) is None
            if not whole or audit.head(tx) != export.about.audit_head:
                raise ExportInvalid
            return closing.close(tx, ended, made_at=export.about.created, now=now)
    finally:
        db.close()


def _take_place(fresh: Path, place: Path) -> Path | None:
    """Give the folder its name; what was there is moved aside, and its new path returned."""
    aside = None
    if place.is_symlink() or (place.exists() and any(place.iterdir())):
        aside = next(
            free
            for number in count(1)
            if not (free := place.with_name(f"{place.name}.{_ASIDE}-{number}")).exists()
        )
        place.rename(aside)
    fresh.rename(place)  # an empty folder in the way is replaced (POSIX)
    sync_folder(place.parent)
    return aside


def _invalid(source: Path) -> RecoveryFailed:
    return RecoveryFailed(RecoveryCode.EXPORT_INVALID, path=str(source))
