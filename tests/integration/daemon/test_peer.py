"""Another user's process is let in nowhere, whatever the modes of the files say."""

import asyncio
import contextlib
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from custode import peer
from custode.daemon.rpc_server import RpcServer
from custode.daemon.secrets import SecretsServer


@pytest.fixture
def another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = os.getuid()
    monkeypatch.setattr("custode.peer.os.getuid", lambda: mine + 1)


async def _ask(path: Path, line: bytes, fds: list[int]) -> list[dict[str, Any]]:
    def talk() -> list[dict[str, Any]]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(path))
            # It may hang up without reading what we say, or before we say it.
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                if line:
                    socket.send_fds(connection, [line], fds)
                return [json.loads(answer) for answer in connection.makefile("rb")]
            return []

    return await asyncio.to_thread(talk)


def test_rpc_refuses_another_user(tmp_path: Path, another_user: None) -> None:
    async def story() -> list[dict[str, Any]]:
        server = RpcServer({})
        await server.start(peer.listen(tmp_path / "s"))
        try:
            return await _ask(tmp_path / "s", b"", [])
        finally:
            await server.close()

    (answer,) = asyncio.run(story())
    assert answer["error"]["message"] == "this agent serves another user"


def test_secrets_refuse_another_user_before_reading(tmp_path: Path, another_user: None) -> None:
    read_end, write_end = os.pipe()

    async def story() -> list[dict[str, Any]]:
        server = SecretsServer()
        server.start(peer.listen(tmp_path / "s"))
        try:
            return await _ask(tmp_path / "s", b'{"id":"x"}\n', [read_end])
        finally:
            await server.close()

    assert asyncio.run(story()) in ([], [{"error": "another user"}])
    os.close(read_end)
    with pytest.raises(BrokenPipeError):  # nobody holds the other end any more
        os.write(write_end, b"x")
    os.close(write_end)


def test_a_peer_that_cannot_be_told_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer.is_ours(ours)
        monkeypatch.delattr(socket, "SO_PEERCRED")
        assert not peer.is_ours(ours)


def test_a_socket_is_private_from_its_first_moment(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("left by one that was killed")
    with peer.listen(tmp_path / "s"):
        assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600
