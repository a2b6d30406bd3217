"""`custode demo`, broken off and refused. Whole it is played on cards, and for the README."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

DEADLINE_S = 110
COMMAND = (sys.executable, "-m", "custode", "demo", "--fast", "--json")

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def remains(temp: Path) -> list[str]:
    """Files of a demo, and processes that a demo started, in its own temporary folder."""
    found = [str(path) for path in temp.iterdir()]
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            environment = entry.read_bytes()
        except OSError:
            continue
        if f"CUSTODE_HOME={temp}/".encode() in environment:
            found.append(entry.parent.name)
    return found


@pytest.fixture
def temp() -> Any:
    with tempfile.TemporaryDirectory(prefix="cd-") as folder:
        yield Path(folder)


@pytest.mark.parametrize("step", [0, 3, 7])
def test_ctrl_c_cleans_up(temp: Path, step: int) -> None:
    """Interrupted after so many steps: exit status 15, and nothing is left."""
    demo = subprocess.Popen(
        COMMAND,
        env={**os.environ, "TMPDIR": str(temp)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert demo.stdout is not None
        for _ in range(step):
            assert demo.stdout.readline()
        time.sleep(0.7)  # somewhere inside the next step
        os.killpg(demo.pid, signal.SIGINT)  # as a terminal does: to the whole foreground group
        _, errors = demo.communicate(timeout=DEADLINE_S)
    finally:
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGKILL)
            demo.wait()
    assert demo.returncode == 15, errors.decode()
    assert remains(temp) == []


def test_keep_refuses_a_folder_that_is_there(temp: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--keep", str(temp)], capture_output=True, timeout=DEADLINE_S, check=False
    )
    assert json.loads(done.stdout)["error"]["code"] == "file_exists"
    assert remains(temp) == []
