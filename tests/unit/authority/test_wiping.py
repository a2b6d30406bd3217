"""A process that serves wipes what it frees; nothing of it is left in a core file."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from custode_authority import main, wiping

SECRET = "wiped-Tq7wXe2uVb"
# Reads its own memory for what it was given, after it let go of it.
PROGRAM = """
import gc, re, sys
given = sys.stdin.readline().strip()
copies = [given.encode() * 3 for _ in range(9)]
reversed_ = given[::-1]
del copies, given
gc.collect()
wanted = reversed_[::-1].encode()
wanted = bytearray(wanted)
found = 0
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    for line in maps:
        area = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw.*(heap|00:00 0 *$)", line)
        if area:
            start, end = int(area[1], 16), int(area[2], 16)
            memory.seek(start)
            found += memory.read(end - start).count(bytes(wanted * 3))
print(found)
"""


@pytest.fixture
def execs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    seen: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda _path, argv, env: seen.append((argv, env)))
    monkeypatch.delenv("PYTHONMALLOC", raising=False)
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    return seen


def test_it_starts_itself_anew_once(
    execs: list[tuple[list[str], dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    wiping.start_again_wiping(["-m", "x", "serve"])
    ((argv, environment),) = execs
    assert argv == [sys.executable, "-m", "x", "serve"]
    for name in ("PYTHONMALLOC", "GLIBC_TUNABLES"):
        monkeypatch.setenv(name, environment[name])
    wiping.start_again_wiping(["-m", "x", "serve"])
    assert len(execs) == 1


def test_only_where_the_allocator_can(
    execs: list[tuple[list[str], dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    wiping.start_again_wiping(["-m", "x"])
    assert execs == []


def test_only_a_program_that_serves(
    execs: list[tuple[list[str], dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "main", lambda _arguments: 0)
    assert main.program(["init", "--home", "/x"]) == 0
    assert execs == []
    assert main.program(["serve", "--home", "/x"]) == 0
    assert [argv[1:] for argv, _ in execs] == [
        ["-m", "custode_authority.main", "serve", "--home", "/x"]
    ]


def test_what_was_freed_is_gone_and_would_be_found_otherwise(
    execs: list[tuple[list[str], dict[str, str]]],
) -> None:
    wiping.start_again_wiping(["-c", PROGRAM])
    ((_, wiped),) = execs
    counts = []
    for environment in ({**os.environ}, wiped):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            input=SECRET.encode(),
            env=environment,
            capture_output=True,
            check=True,
            timeout=30,
        )
        counts.append(int(done.stdout))
    assert counts[0] > 0, "without it there is something to find"
    assert counts[1] == 0


def test_no_core_dumps() -> None:
    program = "from custode_authority import wiping as w; import resource as r;"
    program += "w.forbid_core_dumps(); print(r.getrlimit(r.RLIMIT_CORE))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == str((0, 0)).encode()
