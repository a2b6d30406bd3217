"""The audit log: one JSON line an entry, each bound to the one before by its SHA-256.

    {"at": …, "data": {…}, "hash": H, "name": …, "prev": hash of the line before, "seq": n}

H = SHA-256 over the canonical JSON (sorted keys, no white space, UTF-8) of the line without
`hash`. A line is written by one write(2) on an O_APPEND descriptor and fsynced. A crash in the
middle can leave a torn last line: at the next start it is cut off, and the entry `AuditRepaired`
says how much was cut. Whoever cuts whole lines off is found out by the anchor: the newest hash is
also kept in the database.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec
from msgspec import Struct

from custode.daemon.journal import refuse_secrets
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

if TYPE_CHECKING:
    from custode.daemon.clock import Clock

GENESIS: Final = "0" * 64
_TAIL: Final = 1 << 16  # bytes read from the end to find the last line


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the log."""

    seq: int
    at: datetime
    name: str
    data: dict[str, Any]
    prev: str
    hash: str

    def right_hash(self) -> str:
        """Hash that this line ought to carry."""
        bare = {field: getattr(self, field) for field in ("seq", "at", "name", "data", "prev")}
        return hashlib.sha256(msgspec.json.encode(bare, order="sorted")).hexdigest()


class Head(Struct, frozen=True):
    """The newest entry's place and hash."""

    seq: int = 0
    hash: str = GENESIS


class AuditVerdict(Struct, frozen=True, kw_only=True):
    """Outcome of `verify`: `first_bad` is the first seq that does not hold, `why` says what."""

    ok: bool
    entries: int
    head: str
    first_bad: int | None = None
    why: str = ""


class AuditLog:
    """The open log of this agent; one writer (the agent holds the lock of its home)."""

    def __init__(
        self, path: Path, descriptor: int, head: Head, clock: Clock, anchor: Anchor | None
    ) -> None:
        self.path = path
        self._fd = descriptor
        self._head = head
        self._clock = clock
        self._anchor = anchor

    @classmethod
    def open(cls, path: Path, clock: Clock, anchor: Anchor | None = None) -> Self:
        """Open or make the log; cut a torn last line off and say so in the log.

        :raises CustodeError: AUDIT_BROKEN when the last whole line is no entry (it is left as it
            is: nothing may be chained to it)
        """
        try:
            fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise CustodeError(ErrorCode.FILE_UNWRITABLE, path=str(path), why=exc.strerror) from exc
        try:
            head, torn = _read_end(fd, path)
            log = cls(path, fd, head, clock, anchor)
            if torn:
                size = os.fstat(fd).st_size
                os.ftruncate(fd, size - len(torn))
                digest = hashlib.sha256(torn).hexdigest()
                log.append("AuditRepaired", {"torn_bytes": len(torn), "torn_sha256": digest})
        except BaseException:
            os.close(fd)
            raise
        return log

    @property
    def head(self) -> Head:
        return self._head

    def append(self, name: str, data: Mapping[str, Any] | None = None) -> Head:
        """Write one entry; on the disk when this returns.

        :raises ValueError: when `data` holds a secret by its name, or raw bytes
        :raises CustodeError: FILE_UNWRITABLE when the disk refuses
        """
        told = msgspec.to_builtins(dict(data or {}))
        refuse_secrets(told)
        bare = Entry(
            seq=self._head.seq + 1,
            at=self._clock.now(),
            name=name,
            data=told,
            prev=self._head.hash,
            hash="",
        )
        entry = msgspec.structs.replace(bare, hash=bare.right_hash())
        line = msgspec.json.encode(entry, order="sorted") + b"\n"
        size = os.fstat(self._fd).st_size
        try:
            if os.write(self._fd, line) != len(line):
                raise OSError(28, "No space left on device")
            os.fsync(self._fd)
        except OSError as exc:
            os.ftruncate(self._fd, size)
            raise CustodeError(
                ErrorCode.FILE_UNWRITABLE, path=str(self.path), why=exc.strerror
            ) from exc
        self._head = Head(entry.seq, entry.hash)
        if self._anchor is not None:
            self._anchor.save(self._head)
        return self._head

    def remember_authority_head(self, head: str, signed_at: datetime) -> None:
        """Keep the authority's countersigned audit head (wire.messages.StatusStatement).

        Written only when it differs from the last one that was kept.
        """
        if self._anchor is None or self._anchor.authority_head() != head:
            self.append("AuthorityAuditHead", {"head": head, "signed_at": signed_at})
            if self._anchor is not None:
                self._anchor.save_authority_head(head)

    def tail(self, limit: int = 50) -> list[Entry]:
        """Newest entries, oldest of them first; lines that do not read are left out."""
        kept: list[Entry] = []
        for line in _lines(self.path):
            try:
                kept.append(msgspec.json.decode(line, type=Entry))
            except msgspec.DecodeError:
                continue
            del kept[:-limit]
        return kept

    def verify(self) -> AuditVerdict:
        """Walk the whole chain, then compare its end with the anchor."""
        return verify_file(self.path, self._anchor.load() if self._anchor else None)

    def close(self) -> None:
        os.close(self._fd)


class Anchor:
    """Where the newest hash is kept outside the log: two values of the database."""

    def __init__(
        self, read: Callable[[str], str | None], write: Callable[[str, str], None]
    ) -> None:
        self._read = read
        self._write = write

    def load(self) -> Head | None:
        """Newest head that was saved."""
        text = self._read("audit.head")
        return None if text is None else msgspec.json.decode(text, type=Head)

    def save(self, head: Head) -> None:
        self._write("audit.head", msgspec.json.encode(head).decode())

    def authority_head(self) -> str | None:
        """Newest audit head that the authority signed for us."""
        return self._read("audit.authority_head")

    def save_authority_head(self, head: str) -> None:
        self._write("audit.authority_head", head)


def verify_file(path: Path, anchor: Head | None = None) -> AuditVerdict:
    """Check every line of a log: shape, order, chain, hash; then that nothing was cut off.

    The log may be ahead of the anchor (a crash between the two writes), never behind it.
    """
    head = Head()
    anchored = anchor is None or anchor.seq == 0
    for line in _lines(path):
        seq = head.seq + 1
        problem = ""
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except msgspec.DecodeError:
            return _bad(head, seq, "not an entry")
        if entry.seq != seq:
            problem = f"says it is number {entry.seq}"
        elif entry.prev != head.hash:
            problem = "is not chained to the one before"
        elif entry.hash != entry.right_hash():
            problem = "was changed"
        elif anchor is not None and anchor.seq == seq and anchor.hash != entry.hash:
            problem = "is not the one the database remembers"
        if problem:
            return _bad(head, seq, problem)
        anchored = anchored or (anchor is not None and anchor.seq == seq)
        head = Head(seq, entry.hash)
    if not anchored:
        return _bad(head, head.seq + 1, "is missing: the end of the log was cut off")
    return AuditVerdict(ok=True, entries=head.seq, head=head.hash)


def _bad(head: Head, seq: int, why: str) -> AuditVerdict:
    return AuditVerdict(ok=False, entries=head.seq, head=head.hash, first_bad=seq, why=why)


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except FileNotFoundError:
        return


def _read_end(fd: int, path: Path) -> tuple[Head, bytes]:
    """Head of the log and the torn bytes behind its last whole line."""
    size = os.fstat(fd).st_size
    reach = min(size, _TAIL)
    while True:
        end = os.pread(fd, reach, size - reach)
        whole, newline, torn = end.rpartition(b"\n")
        start = whole.rfind(b"\n")
        if reach == size or (newline and start >= 0):
            break
        reach = min(size, reach * 2)
    if not newline:
        return Head(), torn
    try:
        entry = msgspec.json.decode(whole[start + 1 :], type=Entry)
    except msgspec.DecodeError as exc:
        raise CustodeError(ErrorCode.AUDIT_BROKEN, path=str(path)) from exc
    return Head(entry.seq, entry.hash), torn
