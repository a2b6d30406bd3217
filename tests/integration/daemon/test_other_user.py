"""A process of another user, for real: the folder keeps it out, and else its uid does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.daemon.conftest import TinyAgent

NOBODY = 65534
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

# Prints what each socket answers before anything is said, or why it cannot even connect.
PROGRAM = """
import json, socket, sys
for path in sys.argv[1:]:
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(path)
            print(s.makefile().readline().strip())
    except OSError as exc:
        print(json.dumps({"refused": exc.errno}))
"""


@pytest.fixture
def agent() -> Iterator[TinyAgent]:
    folder = Path(tempfile.mkdtemp(prefix="custode-test-"))
    folder.chmod(0o755)
    agent = TinyAgent(folder / "home")
    assert agent.start() == "READY"
    yield agent
    assert agent.end() == 0
    shutil.rmtree(folder)


def told(agent: TinyAgent) -> list[dict[str, object]]:
    # The one of the checkout may lie where nobody else may go; a bare one is all this needs.
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable
    sockets = [str(agent.paths.agent_socket), str(agent.paths.secrets_socket)]
    done = subprocess.run(
        ["/usr/bin/env", "-i", python, "-I", "-c", PROGRAM, *sockets],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        check=False,
        timeout=30,
    )
    if done.returncode:
        pytest.skip("another user cannot run this Python: " + done.stderr.decode()[-80:])
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_mode_of_the_folder_keeps_it_out(agent: TinyAgent) -> None:
    assert told(agent) == [{"refused": 13}, {"refused": 13}]  # EACCES


def test_the_uid_does_when_the_modes_have_fallen(agent: TinyAgent) -> None:
    for path in (agent.paths.home, agent.paths.agent_socket.parent):
        path.chmod(0o777)
    for path in (agent.paths.agent_socket, agent.paths.secrets_socket):
        path.chmod(0o666)
    rpc, secret = told(agent)
    assert rpc["error"] == {"code": -32600, "message": "this agent serves another user"}
    assert secret == {"error": "another user"}
    with agent.client() as ours:
        assert ours.call("status")["agent"]
