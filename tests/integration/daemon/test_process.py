"""The agent as a process: starts once, stops clean, comes back after kill -9 and half-done work."""

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from custode.daemon.store import Kind, Store
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.paths import Paths
from custode.rpc.client import AgentClient


def test_it_stops_clean_and_leaves_nothing_behind(agent: Any) -> None:
    for socket_path in (agent.paths.agent_socket, agent.paths.secrets_socket):
        assert socket_path.stat().st_mode & 0o777 == 0o600
    assert agent.end() == 0
    assert list(agent.paths.run.iterdir()) == []
    names = re.findall(r'"name":"(\w+)"', agent.paths.audit.read_text())
    assert names == ["state_created", "agent_started", "agent_stopped"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_calls_under_way_get_an_answer_when_it_stops(agent: Any, number: int) -> None:
    client = agent.client()
    client._send(
        b'{"jsonrpc":"2.0","id":7,"method":"test.linger","params":{"name":"x","seconds":30}}\n'
    )
    client.call("status")
    began = time.monotonic()
    agent.process.send_signal(number)
    answer = client._receive(10)
    assert answer["id"] == 7
    assert answer["error"]["data"]["code"] == "agent_stopping"
    assert agent.wait() == 0
    assert time.monotonic() - began < 8
    assert (agent.paths.home / "x").read_text() == "cancelled by the stop"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_embedded_authority_ends_with_the_agent_or_with_the_next_one(
    agent: Any, make_agent: Callable[[], Any], number: int
) -> None:
    with agent.client() as client:
        answer = client.call("test.authority")
    pid = int(answer["mark"].partition(":")[0])
    agent.end(number)
    if number == signal.SIGKILL:
        again = make_agent()
        assert again.start() == "READY"
        with again.client() as client:
            anew = client.call("test.authority")
        assert anew["url"] == answer["url"]
        assert anew["mark"] != answer["mark"]
        again.end()
    _gone(pid)


def test_agent_stop_answers_first(agent: Any) -> None:
    with agent.client() as client:
        assert client.call("agent.stop") == {}
    assert agent.wait() == 0


def test_one_agent_a_home(agent: Any, make_agent: Callable[[], Any]) -> None:
    second = make_agent()
    assert second.start() == ""
    assert second.process.stderr.read().count(b"already works in") == 1
    assert second.wait() != 0
    with agent.client() as client:
        assert client.call("status")["agent"]["pid"] == agent.process.pid


def test_kill_9_and_a_new_start(agent: Any, make_agent: Callable[[], Any]) -> None:
    agent.end(signal.SIGKILL)
    assert agent.paths.agent_socket.exists()  # what a killed agent leaves
    again = make_agent()
    assert again.start() == "READY"
    with again.client() as client:
        assert client.call("audit.verify")["ok"] is True
    assert again.end() == 0


@pytest.mark.parametrize("die_after", ["one", "two"])
def test_half_done_work_is_taken_up_from_its_last_step(
    agent: Any, make_agent: Callable[[], Any], die_after: str
) -> None:
    with agent.client() as client, pytest.raises(CustodeError) as caught:
        client.call("test.work", {"die_after": die_after})
    assert caught.value.code is ErrorCode.AGENT_DIED
    assert agent.wait() == 9
    again = make_agent()
    again.start()
    effects = again.paths.home / "effects"
    until = time.monotonic() + 10
    while effects.read_text().count("\n") < 3 and time.monotonic() < until:
        time.sleep(0.02)
    assert effects.read_text().split() == ["one", "two", "three"]  # each effect once
    assert again.end() == 0
    store = Store.open(again.paths.state)
    (record,) = store.all(Kind.OPERATIONS, dict).values()
    store.close()
    assert record["state"] == "done"
    assert len({step["data"]["done_by"] for step in record["steps"]}) == 2


def test_what_is_left_is_taken_up_each_for_itself_and_told_while_it_waits(
    agent: Any, make_agent: Callable[[], Any]
) -> None:
    """One that never ends keeps neither the others nor the stop waiting."""
    with agent.client() as client:
        left = client.call("test.leave", {"kinds": ["endless", "waits"]})
        assert _can_go_on(client) == []  # the client that left it was told itself
    agent.end(signal.SIGKILL)
    again = make_agent()
    again.start()
    with again.client() as client:
        until = time.monotonic() + 10
        while not _can_go_on(client) and time.monotonic() < until:
            time.sleep(0.02)
        assert _can_go_on(client) == [("waits", f"operation_can_go_on:{left['waits']}")]
        assert (again.paths.home / "endless").read_text() == "began"
        client.call("test.end", {"operation": left["waits"]})
        assert _can_go_on(client) == []
        began = client.call("test.leave", {"kinds": ["waits"]})["waits"]
    began_stop = time.monotonic()
    assert again.end() == 0
    assert time.monotonic() - began_stop < 5
    store = Store.open(again.paths.state)
    states = {key: row["state"] for key, row in store.all(Kind.OPERATIONS, dict).items()}
    store.close()
    assert states == {left["endless"]: "pending", left["waits"]: "done", began: "pending"}


def _can_go_on(client: AgentClient) -> list[tuple[str, str]]:
    needs = client.call("status")["needs"]
    return [
        (need["text_args"]["what"], need["key"])
        for need in needs
        if need["need"] == "operation_can_go_on"
    ]


def test_a_crash_in_a_procedure_goes_to_the_log_without_its_variables(agent: Any) -> None:
    with agent.client() as client:
        with pytest.raises(CustodeError) as caught:
            client.call("test.crash")
        assert (caught.value.code, caught.value.data) == (
            ErrorCode.FAILED,
            {"log": str(agent.paths.log)},
        )
        assert client.call("status")["agent"]["pid"] == agent.process.pid
    log = agent.paths.log.read_text()
    assert "LookupError" in log
    assert "hunter2" not in log


def test_memory_is_out_of_reach_of_others(agent: Any) -> None:
    limits = Path(f"/proc/{agent.process.pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    with agent.client() as client:
        assert client.call("test.dumpable") == 0


@pytest.mark.parametrize(
    ("name", "content", "code", "text"),
    [
        ("state.sqlite", b"no database" * 500, "database_corrupt", b"is damaged"),
        ("config.toml", b"[authority]\nautostrat = 1\n", "config_invalid", b"line 2"),
    ],
)
def test_it_does_not_start_on_what_it_cannot_trust(
    make_agent: Callable[[], Any], name: str, content: bytes, code: str, text: bytes
) -> None:
    agent = make_agent()
    agent.paths.make()
    (agent.paths.home / name).write_bytes(content)
    assert agent.start() == ""
    assert text in agent.process.stderr.read()
    assert agent.wait() != 0
    assert (agent.paths.home / name).read_bytes() == content
    assert f"({code})" in agent.paths.log.read_text()
    assert list(agent.paths.run.iterdir()) == []


@pytest.mark.parametrize("keep", [0, 1, None])
def test_a_cut_log_locks_nobody_out_and_is_told_at_every_verify(
    agent: Any, make_agent: Callable[[], Any], keep: int | None
) -> None:
    agent.end()
    log = agent.paths.audit
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"no entry\n" if keep is None else b"".join(lines[:keep]))
    for _ in range(2):
        again = make_agent()
        assert again.start() == "READY"
        with again.client() as client, pytest.raises(CustodeError) as caught:
            client.call("audit.verify")
        assert (caught.value.code, caught.value.exit) == (ErrorCode.AUDIT_CUT, 30)
        assert caught.value.data["expected"] == len(lines)
        assert "was cut" in str(caught.value)
        assert again.end() == 0
    assert log.read_text().count('"audit_cut"') == 1


def test_a_client_starts_the_agent_and_a_relative_home_stays_the_same(tmp_path: Path) -> None:
    paths = Paths.at(tmp_path / "home")
    with AgentClient.connect(paths) as client:
        pid = client.agent["pid"]
        assert client.call("status")["agent"]["pid"] == pid
        with AgentClient.connect(paths, start=False) as other:
            assert other.agent["pid"] == pid
            other.call("agent.stop")
        for _ in client.events():
            pass
    with AgentClient.connect(paths) as client:  # the one that stops is waited for
        assert client.agent["pid"] != pid
        client.call("agent.stop")
        pid = client.agent["pid"]
    _gone(pid)


def test_one_that_took_the_connection_while_it_ended_is_followed_by_the_next(
    tmp_path: Path,
) -> None:
    paths = Paths.at(tmp_path / "home")
    paths.make()
    ending = socket.socket(socket.AF_UNIX)
    ending.bind(str(paths.agent_socket))
    ending.listen()

    def end() -> None:
        taken, _ = ending.accept()
        paths.agent_socket.unlink()
        ending.close()
        taken.close()

    thread = threading.Thread(target=end)
    thread.start()
    with AgentClient.connect(paths, name="test") as client:
        assert client.call("status")["agent"]["pid"] == client.agent["pid"]
        client.call("agent.stop")
    thread.join(20)
    _gone(int(client.agent["pid"]))


def test_programs_that_start_it_at_once_find_the_same_agent(tmp_path: Path) -> None:
    program = (
        "from custode.rpc.client import AgentClient; c = AgentClient.connect();"
        "print(c.agent['pid'])"
    )
    clients = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "CUSTODE_HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    said = {client.communicate(timeout=40)[0] for client in clients}
    assert len(said) == 1
    with AgentClient.connect(Paths.at(tmp_path), start=False) as client:
        client.call("agent.stop")
    _gone(int(said.pop()))


def test_without_starting_it_a_client_says_that_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(CustodeError) as caught:
        AgentClient.connect(Paths.at(tmp_path), start=False)
    assert caught.value.exit == 40


def test_an_agent_whose_settings_are_wrong_says_so(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("nonsense = 1\n")
    began = time.monotonic()
    with pytest.raises(CustodeError) as caught:
        AgentClient.connect(Paths.at(tmp_path))
    assert (caught.value.exit, caught.value.code) == (2, ErrorCode.CONFIG_INVALID)
    assert "line 1: the key nonsense is not known" in str(caught.value)
    assert time.monotonic() - began < 10
    assert "config_invalid" in (tmp_path / "agent.log").read_text()


def test_an_agent_that_cannot_start_is_exit_40(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"no database, but long enough to be looked at" * 9)
    with pytest.raises(CustodeError) as caught:
        AgentClient.connect(Paths.at(tmp_path))
    assert (caught.value.exit, caught.value.data["cause"]) == (40, "database_corrupt")
    assert "state.sqlite" in str(caught.value)


def _loaded_by(statement: str) -> set[str]:
    said = subprocess.run(
        [sys.executable, "-c", f"{statement}; import sys; print(*sys.modules)"],
        capture_output=True,
        check=True,
        timeout=30,
        text=True,
    )
    return set(said.stdout.split())


def test_the_daemon_stays_small() -> None:
    loaded = _loaded_by(
        "import custode.daemon.__main__, custode.daemon.main;"
        "from custode.daemon.composition import wiring; wiring()"
    )
    assert "custode.procedures.registry" in loaded
    heavy = {"cryptography", "asn1crypto", "pkcs11", "httpx", "click", "rich", "custode.cli"}
    assert not loaded & {*heavy, "email", "importlib.metadata"}


def test_the_workers_are_started_before_most_of_the_agent_is_loaded() -> None:
    loaded = _loaded_by("import custode.daemon.__main__, custode.daemon.main")
    assert "custode.daemon.tokens" in loaded
    late = ("custode.domain", "custode.procedures", "custode.daemon.agent", "sqlite3")
    assert not [name for name in loaded if name.startswith(late)]


def test_why_there_is_no_agent_is_told_in_a_line(tmp_path: Path) -> None:
    def told(*argv: str) -> tuple[int, dict[str, object], str]:
        ran = subprocess.run(
            [sys.executable, *argv],
            env={**os.environ, "CUSTODE_HOME": str(tmp_path)},
            capture_output=True,
            timeout=30,
            check=False,
            text=True,
        )
        (line,) = ran.stdout.splitlines()
        return ran.returncode, json.loads(line)["error"], ran.stderr

    (tmp_path / "config.toml").write_text("nonsense = 1")
    status, error, _ = told("-m", "custode.daemon")
    assert (status, error["exit"], error["code"]) == (2, 2, "config_invalid")
    broken = (
        "from custode.daemon import __main__, main\n"
        "def fails(): raise LookupError('nobody foresaw it')\n"
        "main.main = fails; __main__.main()"
    )
    status, error, log = told("-c", broken)
    assert (status, error["code"], error["data"]) == (1, "failed", {"kind": "LookupError"})
    assert "nobody foresaw it" in log


def _gone(pid: int) -> None:
    """Wait until a process that is not our child has ended and let go of everything."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.02)
    pytest.fail("the agent is still there")


def test_the_lock_is_not_inherited_by_children(agent: Any) -> None:
    fd = os.open(agent.paths.lock, os.O_RDWR)
    with pytest.raises(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    agent.end(signal.SIGKILL)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(fd)
