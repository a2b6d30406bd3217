"""The agent under a service manager: sockets handed over by the real systemd-socket-activate."""

import asyncio
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from custode.daemon import activation
from custode.daemon.activation import Activation
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.paths import Paths
from custode.rpc.client import AgentClient, WantedSecret
from custode.rpc.lock import is_locked

PROGRAM = Path(__file__).with_name("tiny_agent.py")
DEADLINE_S = 20.0
WANTED = frozenset({"agent.sock", "secrets.sock"})


class Manager:
    """systemd-socket-activate: listens at both sockets, and becomes the agent when one connects."""

    def __init__(self, home: Path) -> None:
        self.paths = Paths.at(home)
        self.paths.make()
        self.process: subprocess.Popen[bytes] | None = None
        self.told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.told.bind(str(home / "notify"))
        self.told.settimeout(DEADLINE_S)

    def listen(self, **environment: str) -> None:
        settings = {
            **self.paths.environment(),
            "NOTIFY_SOCKET": str(self.paths.home / "notify"),
            **environment,
        }
        listened = [f"--listen={path}" for path in self.sockets]
        given = [f"--setenv={name}={value}" for name, value in settings.items()]
        self.process = subprocess.Popen(
            ["systemd-socket-activate", *listened, *given, sys.executable, str(PROGRAM)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert self.process.stderr
        said = b""
        while said.count(b"Listening on") < len(self.sockets):
            assert select.select([self.process.stderr], [], [], DEADLINE_S)[0], said
            chunk = os.read(self.process.stderr.fileno(), 4096)
            assert chunk, said
            said += chunk

    @property
    def sockets(self) -> tuple[Path, Path]:
        return self.paths.agent_socket, self.paths.secrets_socket

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(DEADLINE_S)

    def end(self) -> None:
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(DEADLINE_S)
                self.process.kill()
            self.process.wait()
            if self.process.stderr:
                self.process.stderr.close()
        self.told.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "home")
    yield made
    made.end()


def test_connecting_starts_it_and_the_sockets_stay_the_managers(manager: Manager) -> None:
    manager.listen(WATCHDOG_USEC="1500000")
    assert not is_locked(manager.paths)
    with pytest.raises(CustodeError):  # whoever does not want it started does not start it
        AgentClient.connect(manager.paths, start=False)
    assert not is_locked(manager.paths)

    files = [path.stat().st_ino for path in manager.sockets]
    with AgentClient.connect(manager.paths) as client:
        assert manager.process is not None
        assert client.agent["pid"] == manager.process.pid

        def secret(_wanted: WantedSecret) -> int:
            read_end, write_end = os.pipe()
            os.write(write_end, b"1234")
            os.close(write_end)
            return read_end

        assert client.call("test.ask", on_secret=secret)["length"] == 4  # secrets.sock, too
        told = [manager.told.recv(100) for _ in range(3)]
        assert sorted(set(told)) == [b"READY=1", b"WATCHDOG=1"]
        client.call("agent.stop")
    assert manager.wait() == 0
    while (last := manager.told.recv(100)) == b"WATCHDOG=1":
        pass
    assert last == b"STOPPING=1"
    assert [path.stat().st_ino for path in manager.sockets] == files


def test_one_that_takes_long_to_start_is_waited_for(manager: Manager) -> None:
    manager.listen(CUSTODE_TEST_LATE_S="1")
    with AgentClient.connect(manager.paths, hello_s=0.2) as client:
        client.call("agent.stop")
    assert manager.wait() == 0


def test_one_that_cannot_start_tells_whoever_woke_it_why(manager: Manager) -> None:
    manager.paths.config.write_text("nonsense = 1\n")
    manager.listen()
    with pytest.raises(CustodeError) as caught:
        AgentClient.connect(manager.paths)
    assert caught.value.code is ErrorCode.CONFIG_INVALID
    assert caught.value.data["line"] == 1
    assert manager.wait() != 0


def test_an_agent_run_by_hand_leaves_the_managers_sockets_alone(
    manager: Manager, make_agent: Callable[[], Any]
) -> None:
    manager.listen()
    files = [path.stat().st_ino for path in manager.sockets]
    by_hand = make_agent()
    assert by_hand.start() == ""
    assert b"sockets_held" in by_hand.process.stderr.read() or by_hand.wait() != 0
    assert f"({ErrorCode.SOCKETS_HELD.value})" in by_hand.paths.log.read_text()
    assert [path.stat().st_ino for path in manager.sockets] == files
    with AgentClient.connect(manager.paths) as client:  # and it was not started meanwhile
        assert manager.process is not None
        assert client.agent["pid"] == manager.process.pid
        client.call("agent.stop")
    manager.wait()


def test_one_that_waits_for_an_older_ones_lock_takes_over(
    manager: Manager, make_agent: Callable[[], Any]
) -> None:
    older = make_agent()
    assert older.start() == "READY"
    for path in manager.sockets:  # as systemd does when its socket unit starts
        path.unlink()
    manager.listen()
    with socket.socket(socket.AF_UNIX) as waiting:
        waiting.connect(str(manager.paths.agent_socket))
        time.sleep(0.5)  # it is up to nothing that could be waited for: it must not give up
        assert older.end() == 0
        assert all(path.exists() for path in manager.sockets)  # not the older one's any more
        with AgentClient.connect(manager.paths) as client:
            assert manager.process is not None
            assert client.agent["pid"] == manager.process.pid
            client.call("agent.stop")
    assert manager.wait() == 0


def test_nothing_is_taken_that_is_meant_for_another_process() -> None:
    environ = {
        "LISTEN_FDS": "1",
        "LISTEN_PID": "1",
        "WATCHDOG_USEC": "1000000",
        "WATCHDOG_PID": "1",
        "HOME": "/",
    }
    assert activation.take(WANTED, environ) == Activation()
    assert environ == {"HOME": "/"}


def test_descriptors_by_name_and_what_is_no_socket_of_ours(tmp_path: Path) -> None:
    """In a process of its own: descriptors have fixed numbers."""
    program = """
import os, socket, sys
from custode.daemon import activation
def put(fd, number):
    os.dup2(fd, number); os.close(fd)
named = socket.socket(socket.AF_UNIX); named.bind(sys.argv[1]); named.listen()
mute = socket.socket(socket.AF_UNIX); mute.bind(sys.argv[1] + "-2")
other = socket.socket(socket.AF_INET); other.bind(("127.0.0.1", 0)); other.listen()
file = os.open("/dev/null", os.O_RDONLY)
for number, fd in enumerate([named.detach(), mute.detach(), other.detach(), file]):
    put(fd, 20 + number)
for number in range(4):
    put(20 + number, 3 + number)
environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "5",
           "LISTEN_FDNAMES": "agent.sock:secrets.sock:secrets.sock:x"}
taken = activation.take(frozenset({"agent.sock", "secrets.sock"}), environ)
assert list(taken.sockets) == ["agent.sock"], taken
assert taken.sockets["agent.sock"].fileno() == 3 and not os.get_inheritable(3)
for fd in (4, 5, 6):
    try:
        os.fstat(fd)
    except OSError:
        continue
    raise SystemExit(f"{fd} is open")
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "x")],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_manager_that_does_not_listen_any_more_is_no_fault(tmp_path: Path) -> None:
    Activation(notify=str(tmp_path / "nobody")).tell("READY=1")


def test_a_file_that_is_another_ones_by_now_is_left(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"

    async def listen_and_end() -> None:
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(await activation.own_socket(path, stack))
            path.unlink()
            path.write_text("put there since")

    asyncio.run(listen_and_end())
    assert path.read_text() == "put there since"
