"""Secrets by descriptor over the real sockets; every way it can go wrong closes the descriptor."""

import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.rpc.client import WantedSecret
from custode.rpc.secret_line import send_secret


@pytest.fixture
def agent(shared_agent: Any) -> Any:
    return shared_agent


def pipe_with(content: bytes) -> int:
    read_end, write_end = os.pipe()
    os.write(write_end, content)
    os.close(write_end)
    return read_end


def test_a_secret_arrives_and_only_as_a_descriptor(agent: Any) -> None:
    asked: list[WantedSecret] = []
    told: list[tuple[str, dict[str, Any]]] = []

    def give(wanted: WantedSecret) -> int:
        asked.append(wanted)
        return pipe_with("pìn-1234".encode())

    with agent.client() as client:
        before = client.call("test.descriptors")
        answer = client.call("test.ask", on_secret=give, on_event=lambda *event: told.append(event))
        assert answer["length"] == 9
        assert client.call("test.descriptors") == before
    (wanted,) = asked
    assert (wanted.kind, wanted.attempts_remaining, wanted.why) == ("token_pin", 3, "test")
    assert wanted.token == {"serial": "1", "label": "L"}
    assert len(wanted.id) >= 16
    assert told == [("progress", {"operation": "op", "step": "asked", "text": "A secret came"})]


def refuse(code: ErrorCode) -> Callable[[WantedSecret], int]:
    def raising(_wanted: WantedSecret) -> int:
        raise CustodeError(code)

    return raising


@pytest.mark.parametrize("code", [ErrorCode.CANCELLED, ErrorCode.USAGE])
def test_the_person_says_no(agent: Any, code: ErrorCode) -> None:
    with agent.client() as client:
        with pytest.raises(CustodeError) as caught:
            client.call("test.ask", on_secret=refuse(code))
        assert caught.value.code is code  # why the face refused, not only that it did
        assert client.call("status")["agent"]


def test_a_client_that_cannot_ask_cancels(agent: Any) -> None:
    with agent.client() as client, pytest.raises(CustodeError) as caught:
        client.call("test.ask")
    assert caught.value.exit == 15


def test_ctrl_c_at_the_question_lets_the_agent_go_on(agent: Any) -> None:
    def interrupted(_wanted: WantedSecret) -> int:
        raise KeyboardInterrupt

    with agent.client() as client:
        with pytest.raises(KeyboardInterrupt):
            client.call("test.ask", on_secret=interrupted)
        assert client.call("status")["agent"]


def test_nobody_answers_in_time(agent: Any) -> None:
    late: list[bool] = []

    def slow(wanted: WantedSecret) -> int:
        assert (wanted.seconds, wanted.pinentry) == (1, "tty")
        time.sleep(1.3)
        late.append(True)
        return pipe_with(b"1234")

    agent.paths.config.write_text('[prompts]\nsecret_s = 1\npinentry = "tty"\n')
    try:
        with agent.client() as client:
            before = client.call("test.descriptors")
            with pytest.raises(CustodeError) as caught:
                client.call("test.ask", on_secret=slow)
            assert (caught.value.code, caught.value.exit) == (ErrorCode.SECRET_UNANSWERED, 16)
            assert late
            assert client.call("test.descriptors") == before
    finally:
        agent.paths.config.unlink()


def test_a_client_that_vanishes_leaves_no_descriptor(agent: Any) -> None:
    with agent.client() as watcher:
        before = watcher.call("test.descriptors")
        gone = agent.client()
        gone._send(b'{"jsonrpc":"2.0","id":9,"method":"test.ask"}\n')
        wanted = gone._receive(5)
        gone.close()
        time.sleep(0.1)
        assert not send_secret(
            agent.paths.secrets_socket, wanted["params"]["id"], pipe_with(b"1234")
        )
        assert watcher.call("test.descriptors") == before


class Wanting:
    """A client in the middle of `test.ask`."""

    def __init__(self, agent: Any) -> None:
        self.agent = agent
        self.client = agent.client()
        self.before = self.client.call("test.descriptors")
        self.client._send(b'{"jsonrpc":"2.0","id":9,"method":"test.ask","params":{}}\n')
        self.id = self.client._receive(5)["params"]["id"]

    def tell(self, line: bytes, fds: list[int]) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(self.agent.paths.secrets_socket))
            socket.send_fds(connection, [line], fds)
            for fd in fds:
                os.close(fd)
            reply: dict[str, Any] = json.loads(connection.makefile("rb").readline())
            return reply


def two_pipes() -> list[int]:
    return [pipe_with(b"1"), pipe_with(b"2")]


def six_pipes() -> list[int]:
    return [pipe_with(b"1") for _ in range(6)]


def write_end() -> list[int]:
    read_end, end = os.pipe()
    os.close(read_end)
    return [end]


def a_file() -> list[int]:
    return [os.open(Path(__file__), os.O_RDONLY)]


@pytest.mark.parametrize(
    ("line", "fds"),
    [
        (b'{"id": "ID"}\n', list),
        (b'{"id": "ID"}\n', two_pipes),
        (b'{"id": "ID"}\n', six_pipes),
        (b'{"id": "ID"}\n', write_end),
        (b'{"id": "ID"}\n', a_file),
        (b'{"id": "other"}\n', two_pipes),
        (b'{"id": "ID", "pin": "1234"}\n', two_pipes),
        (b"nonsense\n", two_pipes),
        (b"x" * 5000, two_pipes),
        (b"\n", list),
    ],
)
def test_what_is_no_secret_is_refused_and_closed(
    agent: Any, line: bytes, fds: Callable[[], list[int]]
) -> None:
    wanting = Wanting(agent)
    reply = wanting.tell(line.replace(b"ID", wanting.id.encode()), fds())
    assert reply["error"]
    with agent.client() as client:
        # One more than before: the client that still waits is one, `client` replaced none.
        assert client.call("test.descriptors") == wanting.before + 1
    # And the right answer still counts.
    assert wanting.tell(f'{{"id": "{wanting.id}"}}\n'.encode(), [pipe_with(b"12345")])["ok"]
    assert wanting.client._receive(5)["method"] == "progress"
    assert wanting.client._receive(5)["result"]["length"] == 5
    # Once.
    assert wanting.tell(f'{{"id": "{wanting.id}"}}\n'.encode(), [pipe_with(b"12345")])["error"]
    wanting.client.close()


def test_a_line_in_pieces(agent: Any) -> None:
    wanting = Wanting(agent)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(agent.paths.secrets_socket))
        line = f'{{"id": "{wanting.id}"}}\n'.encode()
        fd = pipe_with(b"123")
        socket.send_fds(connection, [line[:5]], [fd])
        os.close(fd)
        time.sleep(0.05)
        connection.sendall(line[5:])
        assert json.loads(connection.makefile("rb").readline()) == {"ok": True}
    wanting.client._receive(5)
    assert wanting.client._receive(5)["result"]["length"] == 3
    wanting.client.close()


def test_stopping_ends_the_question(make_agent: Callable[[], Any]) -> None:
    agent = make_agent()
    assert agent.start() == "READY"
    wanting = Wanting(agent)
    agent.process.terminate()
    messages = [wanting.client._receive(5)]
    assert messages[0]["error"]["data"]["code"] == "cancelled"
    assert agent.wait() == 0
    wanting.client.close()
