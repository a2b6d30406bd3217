"""The hash-chained log: what verifies, what does not, and what a crash may leave."""

import ast
import hashlib
import json
import re
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import custode
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
    assert (entry.seq, entry.name) == (3, "audit_repaired")
    assert entry.data == {
        "torn_bytes": len(torn),
        "torn_sha256": hashlib.sha256(torn).hexdigest(),
    }
    assert again.verify().ok
    again.close()


def test_a_torn_first_line(path: Path, clock: Any) -> None:
    path.write_bytes(b'{"at":')
    log = AuditLog.open(path, clock)
    assert [e.name for e in log.tail()] == ["audit_repaired"]
    assert log.verify().ok
    log.close()


def _cut_to(number: int) -> Callable[[Path], object]:
    def cut(path: Path) -> None:
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:number]))

    return cut


def _forge(path: Path) -> None:
    """Another history of the same length, and longer, chained and hashed as it ought to be."""
    clock = SimpleNamespace(now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    path.unlink()
    fill(path, clock, 12).close()


CUTS: list[tuple[str, Callable[[Path], object], int]] = [
    ("five of ten", _cut_to(5), 5),
    ("one of ten", _cut_to(9), 9),
    ("within a line", lambda p: p.write_bytes(p.read_bytes()[:-5]), 9),
    ("emptied", lambda p: p.write_bytes(b""), 0),
    ("removed", lambda p: p.unlink(), 0),
    ("another history", _forge, 12),
]


@pytest.mark.parametrize(("cut", "left"), [c[1:] for c in CUTS], ids=[c[0] for c in CUTS])
def test_a_cut_is_told_for_ever_whatever_is_logged_after_it(
    path: Path, clock: Any, cut: Callable[[Path], object], left: int
) -> None:
    memory = Memory()
    log = fill(path, clock, 10, memory.anchor())
    expected = log.head
    log.close()
    cut(path)
    for restart in range(3):
        again = AuditLog.open(path, clock, memory.anchor())
        names = [entry.name for entry in again.tail(1000)]
        assert names.count("audit_cut") == 1
        again.append("agent_started")
        verdict = again.verify()
        assert (verdict.ok, verdict.first_bad) == (False, None)
        assert verdict.cut is not None
        assert (verdict.cut.at, verdict.cut.expected) == (clock.now(), expected)
        assert verdict.cut.found.seq == left
        again.close()
        assert restart or names[-1] == "audit_cut"
    last = AuditLog.open(path, clock, memory.anchor())
    (entry,) = [e for e in last.tail(1000) if e.name == "audit_cut"]
    last.close()
    assert entry.data["expected_seq"] == 10
    assert entry.data["expected_hash"] == expected.hash
    assert (entry.data["found_seq"], entry.data["kept_as"]) == (left, None)


def test_the_first_cut_stays_the_one_that_is_told(path: Path, clock: Any) -> None:
    memory = Memory()
    fill(path, clock, 10, memory.anchor()).close()
    for number in (5, 2):
        _cut_to(number)(path)
        AuditLog.open(path, clock, memory.anchor()).close()
    again = AuditLog.open(path, clock, memory.anchor())
    cut = again.verify().cut
    assert cut is not None
    assert (cut.expected.seq, cut.found.seq) == (10, 5)
    assert [e.data["found_seq"] for e in again.tail() if e.name == "audit_cut"] == [2]
    again.close()


@pytest.mark.parametrize("ahead", [1, 3])
def test_what_a_crash_parts_from_its_anchor_is_no_cut(path: Path, clock: Any, ahead: int) -> None:
    """The line is on the disk before the database knows of it."""
    memory = Memory()
    log = fill(path, clock, 3, memory.anchor())
    kept = dict(memory)
    for _ in range(ahead):
        log.append("written, then the power went")
    log.close()
    memory.update(kept)
    again = AuditLog.open(path, clock, memory.anchor())
    assert len(again.unknown_to_anchor()) == (ahead if ahead > 1 else 0)
    again.append("agent_started")
    assert again.verify().ok
    assert again.verify().cut is None
    again.close()


def test_a_database_put_back_is_found_out_beside_a_torn_line(path: Path, clock: Any) -> None:
    """Saying that a line was torn must not hide what the database does not remember."""
    memory = Memory()
    log = fill(path, clock, 2, memory.anchor())
    kept = dict(memory)
    for name in ("one", "two"):
        log.append(name)
    log.close()
    memory.update(kept)
    path.write_bytes(path.read_bytes() + b'{"at":')
    again = AuditLog.open(path, clock, memory.anchor())
    names = [entry.name for entry in again.unknown_to_anchor()]
    assert names == ["one", "two", "audit_repaired"]
    again.close()


@pytest.mark.parametrize("content", [b'{"not": "an entry"}\n', b"\xff\xfe\n"])
def test_nothing_is_chained_to_nonsense_and_nobody_is_locked_out(
    path: Path, clock: Any, content: bytes
) -> None:
    memory = Memory()
    for number in (1, 2):
        path.write_bytes(content)
        log = AuditLog.open(path, clock, memory.anchor())
        assert [e.name for e in log.tail()] == ["audit_cut"]
        aside = path.with_name(f"audit.log.damaged-{number}")
        assert log.tail()[0].data["kept_as"] == aside.name
        assert aside.read_bytes() == content
        verdict = log.verify()
        assert (verdict.ok, verdict.first_bad) == (False, None)
        log.close()


def test_every_name_in_the_log_is_of_one_style() -> None:
    """What happened, in the past, in words that scripts can rely on."""
    names = {
        str(call.args[0].value)
        for path in Path(custode.__file__).parent.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func).rpartition("audit.")[2] in {"append", "AppendAudit"}
        and ("audit" in ast.unparse(call.func) or "AppendAudit" in ast.unparse(call.func))
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }
    assert {"agent_started", "gate_judged", "pin_rejected", "certificates_cancelled"} <= names
    assert {name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)+", name)} == set()


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
