"""The list of what was put: written before anything is put, so that everything is found again.

Per file the hashes it may have: what was written at any time since it was first put. A file with
another content is the person's own by now.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from custode.error_codes import ErrorCode
from custode.errors import CustodeError

NAME: Final = "desktop-files.json"


@dataclass(slots=True)
class Ledger:
    """What was put, or was about to be."""

    files: dict[str, list[str]] = field(default_factory=dict)
    """Path → SHA-256 of each content that was written there."""
    links: dict[str, list[str]] = field(default_factory=dict)
    """Path → targets."""
    folders: list[str] = field(default_factory=list)
    """Those that were made for it, outermost first."""
    python: str = ""
    home: str | None = None
    """CUSTODE_HOME, where it was set."""

    @property
    def empty(self) -> bool:
        return not (self.files or self.links or self.folders)

    def knows(self, path: Path, content: bytes) -> bool:
        """Whether that content is one of ours."""
        return digest(content) in self.files.get(str(path), [])


def digest(content: bytes) -> str:
    """Hash of a file's content."""
    return hashlib.sha256(content).hexdigest()


def place(data: Path) -> Path:
    """Where the list lies, in the person's XDG_DATA_HOME."""
    return data / "custode" / NAME


def read(path: Path) -> Ledger:
    """Read the list; an empty one when there is none.

    :raises CustodeError: FILE_UNREADABLE
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Ledger)
    except FileNotFoundError:
        return Ledger()
    except (OSError, msgspec.DecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "JSON"
        raise CustodeError(ErrorCode.FILE_UNREADABLE, path=str(path), why=why) from exc


def write(path: Path, ledger: Ledger) -> None:
    """Write the list whole, or not at all."""
    replace(path, msgspec.json.format(msgspec.json.encode(ledger), indent=1) + b"\n")


def replace(path: Path, content: bytes) -> None:
    """Put a file there in one move; a cut leaves the old one, and perhaps `partial(path)`."""
    draft = partial(path)
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def partial(path: Path) -> Path:
    """The draft beside a file; nobody reads a name that begins with a dot."""
    return path.with_name(f".{path.name}.custode")


@contextlib.contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Keep a second run waiting; the kernel lets go of the lock whatever becomes of this one."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
