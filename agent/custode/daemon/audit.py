"""The audit log: one JSON line an entry, each bound to the one before by its SHA-256.

    {"at": …, "data": {…}, "hash": H, "name": …, "prev": hash of the line before, "seq": n}

H = SHA-256 over the canonical JSON (sorted keys, no white space, UTF-8) of the line without
`hash`. A line is written by one write(2) on an O_APPEND descriptor and fsynced. A crash in the
middle can leave a torn last line: at the next start it is cut off, and the entry `audit_repaired`
says how much was cut. Whoever cuts whole lines off is found out by the anchor: the newest hash is
also kept in the database. At the next start the entry `audit_cut` says so, `verify` ever after; the
agent starts all the same, for a damaged log must not lock its owner out. A log that is ahead of its
anchor by more than the one entry that a crash can part from it shows, the other way round, that
the database was put back.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from custode.daemon.journal import refuse_secrets
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

if TYPE_CHECKING:
    from custode.daemon.clock import Clock

GENESIS: Final = "0" * 64
AUTHORITY_HEAD: Final = "authority_head_kept"  # name of the entry that keeps its countersigned head
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


class Cut(Struct, frozen=True, kw_only=True):
    """What a start found: the log did not reach `expected` any more, or came to it another way.

    `kept_as`: name of the file it was moved to, when nothing could be chained to its end.
    """

    at: datetime
    expected: Head
    found: Head
    kept_as: str | None = None


class AuditVerdict(Struct, frozen=True, kw_only=True):
    """Outcome of `verify`: `first_bad` is the first seq that does not hold, `why` says what.

    `cut`: entries were taken away before some start of the agent; what is there may well hold.
    """

    ok: bool
    entries: int
    head: str
    first_bad: int | None = None
    why: str = ""
    cut: Cut | None = None


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
        self._anchored = (anchor.load() if anchor else None) or Head()
        """What the database remembered when the log was opened."""

    @classmethod
    def open(cls, path: Path, clock: Clock, anchor: Anchor | None = None) -> Self:
        """Open or make the log; say in the log what is not as it was left.

        A torn last line is cut off. A log whose last whole line is no entry is moved aside as it
        is, for nothing may be chained to it.
        :raises CustodeError: FILE_UNWRITABLE
        """
        kept_as = None if _ends_readably(path) else _move_aside(path)
        fd = _open(path)
        try:
            head, torn = _read_end(fd)
            log = cls(path, fd, head, clock, anchor)
            cut = log._look_for_cut(kept_as)
            if torn:
                size = os.fstat(fd).st_size
                os.ftruncate(fd, size - len(torn))
                digest = hashlib.sha256(torn).hexdigest()
                log.append("audit_repaired", {"torn_bytes": len(torn), "torn_sha256": digest})
            if cut is not None:
                log._tell(cut)
        except BaseException:
            os.close(fd)
            raise
        return log

    def _look_for_cut(self, kept_as: str | None) -> Cut | None:
        """Compare with what the database remembers; what is missing is noted there for ever.

        Before anything is appended: that would overwrite what the database remembers. The log may
        be ahead (a crash between the two writes), never behind.
        """
        expected = self._anchored
        there = expected.seq == 0 or _hash_at(self.path, expected.seq) == expected.hash
        if there and kept_as is None:
            return None
        cut = Cut(at=self._clock.now(), expected=expected, found=self._head, kept_as=kept_as)
        if self._anchor is not None:
            self._anchor.save_cut(cut)
        return cut

    def _tell(self, cut: Cut) -> None:
        self.append(
            "audit_cut",
            {
                "expected_seq": cut.expected.seq,
                "expected_hash": cut.expected.hash,
                "found_seq": cut.found.seq,
                "found_hash": cut.found.hash,
                "kept_as": cut.kept_as,
            },
        )

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
        entry = replace(bare, hash=bare.right_hash())
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
            self.append(AUTHORITY_HEAD, {"head": head, "signed_at": signed_at})
            if self._anchor is not None:
                self._anchor.save_authority_head(head)

    def authority_head_of(self, pin_sha256: str) -> str | None:
        """Last head that the authority of this fingerprint signed for us; None for another one."""
        return self._anchor.authority_head_of(pin_sha256) if self._anchor else None

    def unknown_to_anchor(self) -> list[Entry]:
        """Entries that the database does not remember though it should: it was put back."""
        known = self._anchored.seq
        if known == 0 or self._head.seq <= known + 1:
            return []
        return [entry for entry in self.tail(self._head.seq) if entry.seq > known]

    def tail(self, limit: int = 50) -> list[Entry]:
        """Newest entries, oldest of them first; lines that do not read are left out."""
        kept: list[Entry] = []
        for line in _lines(self.path):
            try:
                kept.append(msgspec.json.decode(line, type=Entry))
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            del kept[:-limit]
        return kept

    def verify(self) -> AuditVerdict:
        """Walk the whole chain, then compare its end with the anchor; tell what was cut once."""
        if self._anchor is None:
            return verify_file(self.path)
        verdict = verify_file(self.path, self._anchor.load())
        cut = self._anchor.cut()
        return replace(verdict, ok=verdict.ok and cut is None, cut=cut)

    def close(self) -> None:
        os.close(self._fd)


class Anchor:
    """Where the newest hash is kept outside the log: a few values of the database."""

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

    def cut(self) -> Cut | None:
        """The first cut that was found."""
        text = self._read("audit.cut")
        return None if text is None else msgspec.json.decode(text, type=Cut)

    def save_cut(self, cut: Cut) -> None:
        """Keep the first one for ever; the log itself tells of later ones."""
        if self._read("audit.cut") is None:
            self._write("audit.cut", msgspec.json.encode(cut).decode())

    def authority_head(self) -> str | None:
        """Newest audit head that the authority signed for us."""
        return self._read("audit.authority_head")

    def authority_head_of(self, pin_sha256: str) -> str | None:
        """As `authority_head`, if this authority signed it; a change of authority begins anew."""
        if self._read("audit.authority_pin") != pin_sha256:
            self._write("audit.authority_head", "")
            self._write("audit.authority_pin", pin_sha256)
        return self.authority_head() or None

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
        except (msgspec.DecodeError, UnicodeDecodeError):
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


def _ends_readably(path: Path) -> bool:
    """Whether something can be chained to the last whole line; to none as well."""
    fd = _open(path)
    try:
        _read_end(fd)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    finally:
        os.close(fd)
    return True


def _open(path: Path) -> int:
    new = not path.exists()
    try:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise CustodeError(ErrorCode.FILE_UNWRITABLE, path=str(path), why=exc.strerror) from exc
    if new:  # a file whose name went with the power would count as cut
        _sync_folder(path.parent)
    return fd


def _move_aside(path: Path) -> str:
    """Rename the log to the first free name beside it."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(aside)
    return aside.name


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _hash_at(path: Path, seq: int) -> str | None:
    """Hash that the line of that number carries; None when there is no such line."""
    line = next(itertools.islice(_lines(path), seq - 1, None), b"")
    try:
        return msgspec.json.decode(line, type=Entry).hash
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _read_end(fd: int) -> tuple[Head, bytes]:
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
    entry = msgspec.json.decode(whole[start + 1 :], type=Entry)
    return Head(entry.seq, entry.hash), torn
