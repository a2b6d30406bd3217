"""The demo on smart cards: the commands of the README, and what is missing is said."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

DEADLINE_S: Final = 400  # reading a card takes seconds on a busy computer

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(DEADLINE_S + 20)]

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text("utf-8")
STEPS: Final = 11


@pytest.fixture
def temp() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cd-") as folder:
        yield Path(folder)


def play(card: str, temp: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command that the README names."""
    command = f".venv/bin/custode demo --card {card}"
    assert f"    {command}\n" in README
    return subprocess.run(
        [*shlex.split(command), "--fast", "--json"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temp), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )


def lines(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("card", ["piv", "openpgp"])
def test_the_whole_story_on_cards(temp: Path, card: str) -> None:
    done = play(card, temp)
    steps = lines(done)
    assert done.returncode == 0, done.stderr.decode() + str(steps[-1:])
    assert [step["step"] for step in steps] == list(range(1, STEPS + 1))
    for step in steps:
        assert set(step) == {"step", "name", "ok", "checks", "data", "elapsed_s"}
        assert step["ok"] is True
        assert step["checks"]
        assert all(check["ok"] is True for check in step["checks"])
    judges = {check["judge"] for step in steps for check in step["checks"]}
    assert judges == {"openssl", "token", "authority", "custode", "system"}
    assert "wrong, exit status 12" in [check["name"] for check in steps[8]["checks"]]
    assert list(temp.iterdir()) == []


def test_what_is_missing_is_said_before_anything_is_made(temp: Path) -> None:
    done = play("openpgp", temp, CUSTODE_OPENPGP_PYTHON="/nowhere/python")
    told = json.loads(done.stdout)
    assert (done.returncode, told["error"]["code"]) == (20, "part_missing")
    assert "/nowhere/python" in told["error"]["message"]
    assert "make setup" in told["error"]["hint"]
    assert list(temp.iterdir()) == []
