"""The program's `backup` and `restore`: what it answers, and what is left when it is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from custode_authority.ca.home import Home
from custode_authority.ca.lock import only_one
from custode_authority.main import main
from custode_authority.recovery import exporting
from custode_authority.wire import parameters

from .conftest import Counter, Person

PIN = b"a long enough PIN"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameters, "SCRYPT_N", 2**10)


def pipe_with(content: bytes) -> str:
    read_end, write_end = os.pipe()
    os.write(write_end, content)
    os.close(write_end)
    return str(read_end)


def test_the_program_answers_in_json(
    counter: Counter, person: Person, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    original = person.original()
    home, file = counter.authority.home, tmp_path / "x.iwr"

    def run(command: str, *words: str, pin: bytes = PIN) -> tuple[int, Any]:
        status = main([command, *words, "--pin-fd", pipe_with(pin)])
        return status, json.loads(capsys.readouterr().out)

    status, answer = run("backup", "--home", str(home.folder), "--to", str(file))
    assert (status, answer["made"]["path"]) == (0, str(file))
    record = json.loads(home.recovery_export_record.read_text())
    assert record == {"at": answer["made"]["at"], "sha256": answer["made"]["sha256"]}
    fresh = str(tmp_path / "fresh")
    where = ("--home", fresh, "--from", str(file))
    status, answer = run("restore", *where, pin=b"another good PIN")
    assert (status, answer["error"]) == (5, "export_pin_wrong")
    status, answer = run("restore", *where, "--ended-fd", pipe_with(b"nonsense"))
    assert (status, answer["error"]) == (5, "file_unreadable")
    told = json.dumps([{"fingerprint_sha256": original.fingerprint}]).encode()
    status, answer = run("restore", *where, "--ended-fd", pipe_with(told))
    assert (status, answer["restored"]["ended_certificates"]) == (0, [original.fingerprint])
    with only_one(Home(Path(fresh))):
        status, answer = run("restore", *where, "--replace")
    assert (status, answer["error"]) == (5, "authority_served")


# --- kill -9 ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("what", "steps"), [("backup", 4), ("restore", 20)])
def test_killed_at_every_step_nothing_half_done_stays(
    counter: Counter, tmp_path: Path, what: str, steps: int
) -> None:
    home, source = counter.authority.home, tmp_path / "x.iwr"
    exporting.export(home, source, PIN, now=counter.clock.now())
    counter.authority.db.close()
    program = Path(__file__).with_name("killed_recovery.py")
    done = subprocess.run(
        [sys.executable, str(program), what, str(home.folder), str(source)],
        cwd=tmp_path,
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert int(done.stdout) >= steps
