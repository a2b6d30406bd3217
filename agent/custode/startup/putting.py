"""Puts the files in place and takes them away: each step can be cut off, and run again.

A file that the person changed, or that was there before, is left as it is and told.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.startup import ledger as ledgers
from custode.startup.ledger import Ledger, digest, one_at_a_time, partial


@dataclass(slots=True)
class Done:
    """What came of it, by path."""

    put: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    """The person's own: not touched."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be there."""

    files: Mapping[Path, bytes]
    links: Mapping[Path, str]
    python: str
    home: str | None


def put(wanted: Wanted, data: Path) -> Done:
    """Have everything that is wanted in place, and nothing of ours beside it.

    :raises CustodeError: FILE_UNWRITABLE, FILE_UNREADABLE
    """
    listed, done = ledgers.place(data), Done()
    with _told_by_path(), _alone(listed) as made:
        known = ledgers.read(listed)
        known.python, known.home = wanted.python, wanted.home
        known.folders = [*made, *(one for one in known.folders if one not in made)]
        _announce(known, wanted)
        ledgers.write(listed, known)
        gone = [path for path in map(Path, known.files) if path not in wanted.files]
        gone_links = [path for path in map(Path, known.links) if path not in wanted.links]
        _take_away(known, gone, gone_links, done)
        for path, content in wanted.files.items():
            _put_file(known, path, content, done)
        for path, target in wanted.links.items():
            _put_link(known, path, target, done)
        for path in (*gone, *gone_links):
            known.files.pop(str(path), None)
            known.links.pop(str(path), None)
        _settle(known, wanted)
        ledgers.write(listed, known)
    return done


def take_away(data: Path) -> Done:
    """Take away everything that was put, and the folders that were made for it.

    :raises CustodeError: FILE_UNWRITABLE, FILE_UNREADABLE
    """
    listed, done = ledgers.place(data), Done()
    if not listed.parent.is_dir():
        return done
    with _told_by_path(), one_at_a_time(listed.parent):
        known = ledgers.read(listed)
        _take_away(known, map(Path, known.files), map(Path, known.links), done)
        # The list goes when all else is gone; its own folder also if a cut came before the list.
        own = [folder for folder in known.folders if listed.is_relative_to(folder)]
        _remove_folders(folder for folder in reversed(known.folders) if folder not in own)
        partial(listed).unlink(missing_ok=True)
        listed.unlink(missing_ok=True)
        _remove_folders([*reversed(own), str(listed.parent)])
    return done


def _remove_folders(folders: Iterable[str]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):  # something else lies there by now
            Path(folder).rmdir()


def _announce(known: Ledger, wanted: Wanted) -> None:
    """Have the list name all that is about to be put, beside what was put before."""
    for path, content in wanted.files.items():
        hashes = known.files.setdefault(str(path), [])
        # One that is there and is not in the list stays the person's.
        if digest(content) not in hashes:
            hashes.append(digest(content))
    for path, target in wanted.links.items():
        targets = known.links.setdefault(str(path), [])
        if target not in targets:
            targets.append(target)
    for path in (*wanted.files, *wanted.links):
        for folder in _missing(path.parent):
            if folder not in known.folders:
                known.folders.append(folder)


def _settle(known: Ledger, wanted: Wanted) -> None:
    """Forget contents of before: what is there now is what was wanted, or the person's."""
    for path, content in wanted.files.items():
        known.files[str(path)] = [digest(content)]
    for path, target in wanted.links.items():
        known.links[str(path)] = [target]


def _put_file(known: Ledger, path: Path, content: bytes, done: Done) -> None:
    found = _content(path)
    if found == content:
        done.unchanged.append(str(path))
    elif found is not None and not known.knows(path, found):
        done.kept.append(str(path))
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        ledgers.replace(path, content)
        done.put.append(str(path))


def _put_link(known: Ledger, path: Path, target: str, done: Done) -> None:
    if path.is_symlink():
        found = str(path.readlink())
        if found == target:
            done.unchanged.append(str(path))
            return
        if found not in known.links.get(str(path), []):
            done.kept.append(str(path))
            return
    elif path.exists():
        done.kept.append(str(path))
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = partial(path)
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    draft.replace(path)
    done.put.append(str(path))


def _take_away(known: Ledger, files: Iterable[Path], links: Iterable[Path], done: Done) -> None:
    for path in links:
        _drop(partial(path))
        if path.is_symlink():
            ours = str(path.readlink()) in known.links[str(path)]
            _remove_or_keep(path, done, ours=ours)
        elif path.exists():
            done.kept.append(str(path))
    for path in files:
        _drop(partial(path))
        if (found := _content(path)) is not None:
            _remove_or_keep(path, done, ours=known.knows(path, found))


def _drop(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        path.unlink()


def _remove_or_keep(path: Path, done: Done, *, ours: bool) -> None:
    if ours:
        path.unlink(missing_ok=True)
        done.removed.append(str(path))
    else:
        done.kept.append(str(path))


def _content(path: Path) -> bytes | None:
    """What stands there; None when nothing does. What is no plain file has nobody's content."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        return b"\0not a file"
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _missing(folder: Path) -> list[str]:
    """The folders on the way there that are not there yet, outermost first."""
    found: list[str] = []
    while not folder.exists():
        found.insert(0, str(folder))
        folder = folder.parent
    return found


@contextlib.contextmanager
def _alone(listed: Path) -> Iterator[list[str]]:
    """Work alone on the list; gives the folders that were made to hold it."""
    made = _missing(listed.parent)
    listed.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with one_at_a_time(listed.parent):
        yield made


@contextlib.contextmanager
def _told_by_path() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        path = os.fspath(exc.filename) if exc.filename is not None else None
        raise CustodeError(ErrorCode.FILE_UNWRITABLE, path=path, why=exc.strerror) from exc
