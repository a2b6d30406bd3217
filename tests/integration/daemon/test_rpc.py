"""JSON-RPC over the real socket: order, nonsense, limits, clients that vanish."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from custode.daemon.rpc_server import LINE_MAX
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale import choice
from custode.rpc import client as rpc_client

HELLO = {"jsonrpc": "2.0", "id": 0, "method": "hello", "params": {"protocol": 1, "client": "t"}}


@pytest.fixture
def agent(shared_agent: Any) -> Any:
    return shared_agent


class Raw:
    """A socket that says what it is told."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("rb")

    def say(self, message: Any) -> None:
        line = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
        self.socket.sendall(line)

    def hear(self) -> Any:
        line = self.lines.readline()
        return json.loads(line) if line else None

    def ask(self, message: Any) -> Any:
        self.say(message)
        return self.hear()


@pytest.fixture
def raw(agent: Any) -> Iterator[Raw]:
    connection = Raw(agent.paths.agent_socket)
    yield connection
    connection.lines.close()
    connection.socket.close()


@pytest.fixture
def greeted(raw: Raw) -> Raw:
    answer = raw.ask(HELLO)
    assert answer["result"]["protocol"] == 1
    return raw


def call(method: str, params: Any = None, rpc_id: Any = 1) -> dict[str, Any]:
    message = {"jsonrpc": "2.0", "id": rpc_id, "method": method}
    return message if params is None else {**message, "params": params}


def test_hello_comes_first(raw: Raw) -> None:
    assert raw.ask(call("status"))["error"]["code"] == -32600
    assert raw.ask(call("subscribe"))["error"]["code"] == -32600
    assert raw.ask(HELLO)["result"]["version"]
    assert "result" in raw.ask(call("status"))


@pytest.mark.parametrize("theirs", [0, 2, "1", None])
def test_another_protocol_is_refused_and_said(raw: Raw, theirs: object) -> None:
    error = raw.ask(call("hello", {"protocol": theirs, "client": "t"}))["error"]
    assert error["data"]["code"] == "protocol_mismatch"
    assert error["data"]["exit"] == 40
    assert raw.ask(call("status"))["error"]["code"] == -32600


def test_a_client_of_another_protocol_gets_exit_40(
    agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc_client, "PROTOCOL", 2)
    with pytest.raises(CustodeError) as caught:
        agent.client()
    assert caught.value.code is ErrorCode.PROTOCOL_MISMATCH
    assert "protocol 1, this program 2" in str(caught.value)


NONSENSE: list[tuple[bytes, int, Any]] = [
    (b"hello?\n", -32700, None),
    (b"\n", -32700, None),
    (b"\xff\xfe\n", -32700, None),
    (b'{"jsonrpc":"2.0","id":1,"method":"status"\n', -32700, None),
    (b"[" * 100_000 + b"\n", -32700, None),
    (b"[]\n", -32600, None),
    (b'"status"\n', -32600, None),
    (b'{"id":1,"method":"status"}\n', -32600, 1),
    (b'{"jsonrpc":"1.0","id":1,"method":"status"}\n', -32600, 1),
    (b'{"jsonrpc":"2.0","id":1}\n', -32600, 1),
    (b'{"jsonrpc":"2.0","id":1,"method":7}\n', -32600, 1),
    (b'{"jsonrpc":"2.0","id":{},"method":"status"}\n', -32600, None),
    (b'{"jsonrpc":"2.0","id":true,"method":"status"}\n', -32600, None),
    (b'{"jsonrpc":"2.0","id":"a","method":"nothing"}\n', -32601, "a"),
    (b'{"jsonrpc":"2.0","id":1,"method":"__class__"}\n', -32601, 1),
    (b'{"jsonrpc":"2.0","id":1,"method":"status","params":[1]}\n', -32602, 1),
    (b'{"jsonrpc":"2.0","id":1,"method":"audit.show","params":{"limit":0}}\n', -32602, 1),
    (b'{"jsonrpc":"2.0","id":1,"method":"audit.show","params":{"x":0}}\n', -32602, 1),
    (b'{"jsonrpc":"2.0","id":1,"method":"token.forget"}\n', -32602, 1),
    (
        b'{"jsonrpc":"2.0","id":1,"method":"status","params":{"use_last_attempt":"yes"}}\n',
        -32602,
        1,
    ),
]


@pytest.mark.parametrize(("line", "code", "rpc_id"), NONSENSE)
def test_nonsense_gets_its_number_and_the_connection_goes_on(
    greeted: Raw, line: bytes, code: int, rpc_id: Any
) -> None:
    answer = greeted.ask(line)
    assert (answer["error"]["code"], answer["id"]) == (code, rpc_id)
    assert answer["error"]["message"]
    assert "result" in greeted.ask(call("status"))


def test_a_line_that_is_too_long_ends_the_connection(greeted: Raw, agent: Any) -> None:
    def flood() -> None:
        with contextlib.suppress(OSError):  # it hangs up while we still speak: as it should
            greeted.say(b'{"x":"' + b"y" * (LINE_MAX + 10) + b'"}\n')

    thread = threading.Thread(target=flood)
    thread.start()
    assert greeted.hear()["error"]["code"] == -32600
    thread.join(10)
    with contextlib.suppress(ConnectionResetError):
        assert greeted.hear() is None
    with agent.client() as client:
        assert client.call("status")["agent"]


def test_a_long_line_below_the_limit_is_read(greeted: Raw) -> None:
    text = "x" * (LINE_MAX - 200)
    answer = greeted.ask(call("nothing", {"text": text}))
    assert answer["error"]["code"] == -32601


def test_a_notification_gets_no_answer(greeted: Raw) -> None:
    greeted.say({"jsonrpc": "2.0", "method": "status"})
    greeted.say({"jsonrpc": "2.0", "method": "nothing"})
    assert greeted.ask(call("status", rpc_id="after"))["id"] == "after"


def test_calls_of_one_connection_run_beside_each_other(greeted: Raw) -> None:
    greeted.say(call("test.linger", {"name": "a", "seconds": 0.5}, 1))
    greeted.say(call("status", rpc_id=2))
    assert [greeted.hear()["id"], greeted.hear()["id"]] == [2, 1]


def test_too_many_calls_at_a_time(greeted: Raw) -> None:
    for number in range(40):
        greeted.say(call("test.linger", {"name": "a", "seconds": 0.5}, number))
    answers = [greeted.hear() for _ in range(40)]
    assert sum("error" in answer for answer in answers) == 8


def test_subscribers_hear_events_and_others_do_not(agent: Any) -> None:
    heard: list[str] = []
    with agent.client() as listener, agent.client() as other:
        listener.subscribe()
        other.call("test.event", on_event=lambda name, _params: heard.append(name))
        assert next(listener.events(5))["name"] == "identity_set"
        other.call("status", on_event=lambda name, _params: heard.append(name))
        assert heard == []
        assert other.call("identity.show")["code"] == "ABC123"


def test_a_language_is_kept_and_every_face_is_told(agent: Any) -> None:
    with agent.client() as listener, agent.client() as other:
        listener.subscribe()
        for word, language in (("it", "it"), ("auto", None)):
            assert other.call("language.set", {"language": word}) == {"language": language}
            assert next(listener.events(10)) == {"name": "language_changed", "language": language}
            assert other.call("status")["agent"]["language"] == language
            assert choice.chosen(agent.paths.language) == language
        with pytest.raises(CustodeError) as refused:
            other.call("language.set", {"language": "de"})
        assert refused.value.code is ErrorCode.USAGE


def test_who_hangs_up_ends_the_waiting_but_not_the_work(agent: Any) -> None:
    home = agent.paths.home
    going = Raw(agent.paths.agent_socket)
    going.ask(HELLO)
    going.say(call("test.linger", {"name": "waits", "while_there": True}))
    going.say(call("test.linger", {"name": "works", "seconds": 0.3}, 2))
    with agent.client() as client:
        client.call("status")
    going.lines.close()
    going.socket.close()
    until = time.monotonic() + 10
    outcomes = [home / "waits", home / "works"]
    while not all(path.exists() for path in outcomes) and time.monotonic() < until:
        time.sleep(0.02)
    assert [path.read_text() for path in outcomes] == ["cancelled", "to its end"]


def test_a_subscriber_that_never_reads_is_hung_up_on(agent: Any) -> None:
    deaf = Raw(agent.paths.agent_socket)
    deaf.ask(HELLO)

    def flood() -> None:
        # The answers to so many unread calls pass what is kept for one client.
        for _ in range(60_000):
            deaf.say(call("status"))

    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        flood()
    with agent.client() as client:
        assert client.call("status")["agent"]
    deaf.lines.close()
    deaf.socket.close()


def test_descriptors_of_ended_connections_are_closed(agent: Any) -> None:
    with agent.client() as client:
        before = client.call("test.descriptors")
        for _ in range(20):
            agent.client().close()
        time.sleep(0.1)
        assert client.call("test.descriptors") == before


def test_a_long_silence_ends_a_call(agent: Any) -> None:
    with agent.client() as client:
        with pytest.raises(CustodeError) as caught:
            client.call("test.linger", {"name": "x", "seconds": 0.5}, deadline_s=0.1)
        assert caught.value.exit == 16
        assert client.call("status")["agent"]  # the late answer is not taken for this one
