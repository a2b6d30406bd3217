"""The hash-chained log: what verifies, what does not, and what a crash may leave."""

import hashlib
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from custode.daemon.audit import Anchor, AuditLog, Head, verify_file
from custode.error_codes import ErrorCode
from custode.errors import CustodeError


class Memory(dict[str, str]):
    def anchor(self) -> Anchor:
        return Anchor(self.get, self.__setitem__)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


def fill(path: Path, clock: Any, count: int = 5, anchor: Anchor | None = None) -> AuditLog:
    log = AuditLog.open(path, clock, anchor)
    for number in range(count):
        log.append("token_inserted", {"serial": f"è{number}", "count": number})
    return log


def test_the_chain_can_be_checked_by_hand(path: Path, clock: Any) -> None:
    fill(path, clock).close()
    previous = "0" * 64
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        entry = json.loads(line)
        assert (entry["seq"], entry["prev"]) == (number, previous)
        claimed = entry.pop("hash")
        canonical = json.dumps(
            entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()
        previous = hashlib.sha256(canonical).hexdigest()
        assert claimed == previous
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_goes_on_after_a_restart(path: Path, clock: Any) -> None:
    first = fill(path, clock, 3)
    head = first.head
    first.close()
    again = AuditLog.open(path, clock)
    assert again.head == head
    again.append("agent_started")
    verdict = again.verify()
    assert (verdict.ok, verdict.entries, verdict.head) == (True, 4, again.head.hash)
    assert [e.name for e in again.tail(2)] == ["token_inserted", "agent_started"]
    again.close()


def test_long_entries_are_found_again(path: Path, clock: Any) -> None:
    log = AuditLog.open(path, clock)
    log.append("a", {"text": "x" * 200_000})
    head = log.head
    log.close()
    again = AuditLog.open(path, clock)
    assert again.head == head
    again.close()


def _line(path: Path, number: int, change: Callable[[dict[str, Any]], None]) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    entry = json.loads(lines[number - 1])
    change(entry)
    lines[number - 1] = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    path.write_bytes(b"".join(lines))


def _rehash(entry: dict[str, Any]) -> None:
    """What a forger does: change the data and mend that line's hash."""
    entry["data"] = {"serial": "other"}
    bare = {key: value for key, value in entry.items() if key != "hash"}
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    entry["hash"] = hashlib.sha256(text.encode()).hexdigest()


def _drop(path: Path, number: int) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: number - 1] + lines[number:]))


def _swap(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1], lines[2] = lines[2], lines[1]
    path.write_bytes(b"".join(lines))


TAMPERING: list[tuple[str, Callable[[Path], object], int]] = [
    ("data", lambda p: _line(p, 3, lambda e: e["data"].update(serial="other")), 3),
    ("name", lambda p: _line(p, 1, lambda e: e.update(name="other")), 1),
    ("time", lambda p: _line(p, 2, lambda e: e.update(at="2020-01-01T00:00:00Z")), 2),
    ("extra field", lambda p: _line(p, 2, lambda e: e.update(more=1)), 2),
    ("rehashed", lambda p: _line(p, 3, _rehash), 4),
    ("last rehashed", lambda p: _line(p, 5, _rehash), 5),
    ("dropped", lambda p: _drop(p, 2), 2),
    ("swapped", _swap, 2),
    ("garbage", lambda p: p.write_bytes(p.read_bytes() + b"hello\n"), 6),
    ("cut", lambda p: _drop(p, 5), 5),
    ("emptied", lambda p: p.write_bytes(b""), 1),
    ("removed", lambda p: p.unlink(), 1),
]


@pytest.mark.parametrize(
    ("change", "first_bad"), [t[1:] for t in TAMPERING], ids=[t[0] for t in TAMPERING]
)
def test_tampering_is_found_where_it_begins(
    path: Path, clock: Any, change: Callable[[Path], object], first_bad: int
) -> None:
    memory = Memory()
    log = fill(path, clock, anchor=memory.anchor())
    assert log.verify().ok
    change(path)
    verdict = log.verify()
    assert (verdict.ok, verdict.first_bad) == (False, first_bad)
    assert verdict.why
    log.close()


def test_without_an_anchor_a_cut_end_cannot_be_seen(path: Path, clock: Any) -> None:
    fill(path, clock).close()
    _drop(path, 5)
    assert verify_file(path).ok  # the reason why the database keeps the head
    assert not verify_file(path, Head(5, "0" * 64)).ok


def test_the_log_may_be_ahead_of_the_anchor(path: Path, clock: Any) -> None:
    memory = Memory()
    log = fill(path, clock, 2, memory.anchor())
    kept = dict(memory)
    log.append("written, then the power went")
    memory.update(kept)
    assert log.verify().ok
    log.close()


@pytest.mark.parametrize("keep", [1, 20, -2, -1])
def test_a_torn_last_line_is_cut_off_and_that_is_said(path: Path, clock: Any, keep: int) -> None:
    memory = Memory()
    log = fill(path, clock, 2, memory.anchor())
    size = path.stat().st_size
    kept = dict(memory)
    log.append("torn")
    log.close()
    memory.update(kept)
    whole = path.read_bytes()
    torn = whole[size:][:keep]
    path.write_bytes(whole[:size] + torn)
    again = AuditLog.open(path, clock, memory.anchor())
    (entry,) = again.tail(1)
    assert (entry.seq, entry.name) == (3, "AuditRepaired")
    assert entry.data == {
        "torn_bytes": len(torn),
        "torn_sha256": hashlib.sha256(torn).hexdigest(),
    }
    assert again.verify().ok
    again.close()


def test_a_torn_first_line(path: Path, clock: Any) -> None:
    path.write_bytes(b'{"at":')
    log = AuditLog.open(path, clock)
    assert [e.name for e in log.tail()] == ["AuditRepaired"]
    assert log.verify().ok
    log.close()


def test_nothing_is_chained_to_nonsense(path: Path, clock: Any) -> None:
    content = b'{"not": "an entry"}\n'
    path.write_bytes(content)
    with pytest.raises(CustodeError) as caught:
        AuditLog.open(path, clock)
    assert (caught.value.code, caught.value.exit) == (ErrorCode.AUDIT_BROKEN, 30)
    assert path.read_bytes() == content


def test_no_secret_reaches_the_log(path: Path, clock: Any) -> None:
    log = AuditLog.open(path, clock)
    with pytest.raises(ValueError, match="backup_pin"):
        log.append("a", {"nested": [{"backup_pin": "12345678"}]})
    assert path.read_bytes() == b""
    log.close()


def test_a_full_disk_leaves_no_half_line(
    path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = fill(path, clock, 1)
    before = path.read_bytes()
    real = __import__("os").write
    monkeypatch.setattr("os.write", lambda fd, data: real(fd, data[:10]))
    with pytest.raises(CustodeError) as caught:
        log.append("a")
    assert caught.value.code is ErrorCode.FILE_UNWRITABLE
    monkeypatch.undo()
    assert path.read_bytes() == before
    log.append("b")
    assert log.verify().ok
    log.close()


def test_the_authoritys_head_is_kept_once(path: Path, clock: Any) -> None:
    memory = Memory()
    log = AuditLog.open(path, clock, memory.anchor())
    for head in ("a" * 64, "a" * 64, "b" * 64):
        log.remember_authority_head(head, clock.now())
    assert [e.data["head"][0] for e in log.tail()] == ["a", "b"]
    assert memory.anchor().authority_head() == "b" * 64
    log.close()
