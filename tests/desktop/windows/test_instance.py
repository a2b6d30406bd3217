"""One windows program a person: others hand it what they were to open, and it ends by itself."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from custode.desktop import opening
from custode.desktop.opening import in_front, open_window, socket_of, tell
from custode.desktop.windows.__main__ import kept
from custode.desktop.windows.instance import Instance
from custode.errors import CustodeError
from custode.paths import Paths
from custode.rpc.client import AgentClient

WAIT_S = 60.0


@pytest.fixture
def paths() -> Iterator[Paths]:
    with tempfile.TemporaryDirectory(prefix="custode-test-") as folder:
        made = Paths.at(Path(folder))
        made.make()
        yield made


def test_the_second_one_tells_the_first(paths: Paths) -> None:
    first, second = Instance(paths), Instance(paths)
    assert first.take()
    assert not second.take()
    assert socket_of(paths).stat().st_mode & 0o777 == 0o600
    opened: list[tuple[str, dict[str, str]]] = []
    serving = threading.Thread(target=lambda: _serve(first, opened))
    serving.start()
    assert tell(paths, "backup", {"spare": "0042"})
    serving.join(WAIT_S)
    assert opened == [("backup", {"spare": "0042"})]
    first.close()
    assert not tell(paths, "backup", {})
    assert second.take(), "the place is free again"
    second.close()


@pytest.mark.parametrize("looked_at", [True, False])
def test_whether_a_window_is_looked_at_can_be_asked(paths: Paths, *, looked_at: bool) -> None:
    assert not in_front(paths)  # none runs
    instance = Instance(paths)
    assert instance.take()
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(socket_of(paths)))
        asking.sendall(b'{"front": true}\n')
        instance.serve(lambda name, args: pytest.fail("opened"), lambda: looked_at)
        assert json.loads(asking.recv(100)) == {"front": looked_at}
    instance.close()


def _serve(instance: Instance, opened: list[tuple[str, dict[str, str]]]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not opened and time.monotonic() < deadline:
        instance.serve(lambda name, args: opened.append((name, args)))
        time.sleep(0.01)


@pytest.mark.parametrize("said", [b"", b"{}\n", b"no json\n", b'{"open": 1, "args": 7}\n'])
def test_nonsense_opens_nothing_and_harms_nothing(paths: Paths, said: bytes) -> None:
    instance = Instance(paths)
    assert instance.take()
    with socket.socket(socket.AF_UNIX) as odd:
        odd.connect(str(socket_of(paths)))
        odd.sendall(said)
        odd.shutdown(socket.SHUT_WR)
        instance.serve(lambda name, args: pytest.fail("opened"))
    instance.close()


def test_another_user_is_not_listened_to(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    instance = Instance(paths)
    assert instance.take()
    monkeypatch.setattr("custode.peer.uid_of", lambda connection: os.getuid() + 1)
    with socket.socket(socket.AF_UNIX) as other:
        other.connect(str(socket_of(paths)))
        other.sendall(b'{"open": "panel"}\n')
        instance.serve(lambda name, args: pytest.fail("opened"))
    instance.close()


def test_the_program_takes_what_another_one_opens(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Really started, by its own command; the second command ends at once."""
    environment = {
        **os.environ,
        **paths.environment(),
        "QT_QPA_PLATFORM": "offscreen",
    }
    program = [sys.executable, "-m", "custode.desktop.windows"]
    first = subprocess.Popen([*program, "about"], env=environment, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + WAIT_S
        while not tell(paths, "about", {}):
            assert first.poll() is None, "it ended"
            assert time.monotonic() < deadline, "it does not listen"
            time.sleep(0.05)
        while not in_front(paths):
            assert time.monotonic() < deadline, "nobody looks at the only window there is"
            time.sleep(0.05)
        second = subprocess.run(
            [*program, "panel"], env=environment, timeout=WAIT_S, check=False, capture_output=True
        )
        assert second.returncode == 0
        assert first.poll() is None
        with monkeypatch.context() as patched:
            started = lambda *_a, **_k: pytest.fail("one runs already")  # noqa: E731 - one use
            patched.setattr(subprocess, "Popen", started)
            open_window(paths, "about")
    finally:
        first.kill()
        first.wait(WAIT_S)
        with AgentClient.connect(paths) as agent:  # it was started for the window
            agent.call("agent.stop")
    third = Instance(paths)
    assert third.take(), "one that was killed leaves nothing in the way"
    third.close()


def test_without_the_library_it_is_told(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "find_spec", lambda name: None)
    with pytest.raises(CustodeError, match="PySide6-Essentials"):
        open_window(paths, "panel")


def test_what_nobody_foresaw_is_kept(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUSTODE_HOME", str(paths.home))
    error = ZeroDivisionError("unforeseen")
    kept(type(error), error, None)
    assert "unforeseen" in Paths.find().cli_log.read_text()
    assert "unforeseen" in capsys.readouterr().err
