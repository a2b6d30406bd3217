"""A fake agent that speaks the real protocol, and a way to run the command line against it."""

import fcntl
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from custode.cli.main import root
from custode.error_codes import ErrorCode
from custode.errors import CustodeError, to_rpc
from custode.locale import catalogue
from custode.paths import Paths

TIMEOUT_S = 10.0

Answer = Callable[[dict[str, Any], "Talk"], Any]
Run = Callable[..., Result]


class Talk:
    """What a method of the fake may do while it runs."""

    def __init__(self, agent: "FakeAgent", client: socket.socket) -> None:
        self._agent = agent
        self._client = client

    def progress(self, step: str, text: str = "") -> None:
        self._notify("progress", {"operation": "1", "step": step, "text": text})

    def ask(
        self,
        kind: str,
        token: dict[str, str] | None = None,
        attempts: int | None = None,
        why: str = "csr",
        *,
        pinentry: str = "",
        seconds: float = 5.0,
    ) -> bytes:
        """Ask for a secret as the daemon does, and read what comes through the pipe."""
        secret_id = f"s{len(self._agent.secrets)}"
        wanted = {
            "id": secret_id,
            "kind": kind,
            "token": token,
            "attempts_remaining": attempts,
            "why": why,
            "pinentry": pinentry,
            "seconds": seconds,
        }
        self._notify("secret.wanted", wanted)
        secret = self._agent.take_secret(secret_id)
        self._agent.secrets.append((kind, secret))
        return secret

    def hang_up(self) -> None:
        """End as an agent does that was killed."""
        self._client.shutdown(socket.SHUT_RDWR)

    def _notify(self, method: str, params: dict[str, Any]) -> None:
        send(self._client, {"jsonrpc": "2.0", "method": method, "params": params})


class FakeAgent:
    """Serves `answers`: method → value, error, or function of (params, talk)."""

    def __init__(self, paths: Paths) -> None:
        paths.make()
        self.answers: dict[str, Any] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.secrets: list[tuple[str, bytes]] = []
        self._lock = paths.lock.open("w")  # whoever does not want to start one looks at it first
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._rpc = listen(paths.agent_socket)
        self._secrets = listen(paths.secrets_socket)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        # shutdown wakes the thread out of accept; close alone would leave it there (Linux).
        self._rpc.shutdown(socket.SHUT_RDWR)
        self._thread.join(TIMEOUT_S)
        self._rpc.close()
        self._secrets.close()
        self._lock.close()
        assert not self._thread.is_alive()

    def params(self, method: str) -> dict[str, Any]:
        """Params of the one call of that method."""
        (found,) = [params for name, params in self.calls if name == method]
        return found

    def take_secret(self, secret_id: str) -> bytes:
        client, _ = self._secrets.accept()
        with client:
            client.settimeout(TIMEOUT_S)
            line, fds, _, _ = socket.recv_fds(client, 4096, 4)
            answer = json.loads(line)
            assert answer["id"] == secret_id
            client.sendall(b'{"ok": true}\n')
            if answer.get("cancelled"):
                raise CustodeError(ErrorCode.CANCELLED)
        with open(fds[0], "rb") as pipe:  # noqa: PTH123 - a descriptor, not a path
            return pipe.read()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._rpc.accept()
                with client:
                    client.settimeout(TIMEOUT_S)
                    self._talk(client)

    def _talk(self, client: socket.socket) -> None:
        with client.makefile("rb") as lines:
            for line in lines:
                call = json.loads(line)
                message = {"jsonrpc": "2.0", "id": call["id"]}
                try:
                    message["result"] = self._answer(call["method"], call["params"], client)
                except CustodeError as error:
                    message["error"] = to_rpc(error)
                with suppress(BrokenPipeError):  # after `hang_up`
                    send(client, message)

    def _answer(self, method: str, params: dict[str, Any], client: socket.socket) -> Any:
        if method == "hello":
            assert params["protocol"] == 1
            return {"protocol": 1, "version": "0", "pid": os.getpid()}
        self.calls.append((method, params))
        answer = self.answers[method]
        if isinstance(answer, CustodeError):
            raise answer
        return answer(params, Talk(self, client)) if callable(answer) else answer


def send(client: socket.socket, message: dict[str, Any]) -> None:
    client.sendall(json.dumps(message).encode() + b"\n")


def listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()
    return listener


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUSTODE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return tmp_path / "home"


@pytest.fixture
def agent(home: Path) -> Iterator[FakeAgent]:
    fake = FakeAgent(Paths.find())
    yield fake
    fake.close()


@pytest.fixture
def custode(home: Path) -> Iterator[Run]:
    def run(*args: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(root, args, input=stdin, prog_name="custode")

    yield run
    catalogue.use("en")


@pytest.fixture
def pin_file(tmp_path: Path) -> Callable[[bytes], str]:
    """`file:…` with that content."""

    def make(content: bytes) -> str:
        path = tmp_path / f"pin-{content.hex()[:8]}"
        path.write_bytes(content)
        return f"file:{path}"

    return make
