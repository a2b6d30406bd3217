"""The token worker over a vendor's module and a virtual card, called without asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from custode.daemon.children import Child, ChildError
from custode_drivers.testing.conformance import certificates
from custode_drivers.testing.conformance.certificates import COMMON_NAME, Private

from .judges import run

PIN = b"123456"


def pipe_with(secret: bytes) -> int:
    reading, writing = os.pipe()
    os.write(writing, secret)
    os.close(writing)
    return reading


@dataclass
class CardWorker:
    """`session` is the one that `login` opened last."""

    child: Child
    runner: asyncio.Runner
    folder: Path
    so_pin: bytes
    token: dict[str, str] = field(default_factory=dict)
    session: str = ""

    def call(self, method: str, params: Any = None, *secrets: bytes, deadline_s: float = 60) -> Any:
        fds = tuple(pipe_with(secret) for secret in secrets)
        return self.runner.run(
            self.child.call(method, params or {}, fds=fds, deadline_s=deadline_s)
        )

    def refused(self, *call: Any) -> tuple[str, dict[str, Any]]:
        with pytest.raises(ChildError) as caught:
            self.call(*call)
        return caught.value.code, caught.value.data

    def row(self) -> dict[str, Any]:
        """The one token that is there; remembered as the one that is meant."""
        (row,) = self.call("list")
        self.token = {name: row[name] for name in ("manufacturer", "model", "serial")}
        return dict(row)

    def login(self, pin: bytes = PIN, **more: Any) -> list[dict[str, Any]]:
        if not self.token:
            self.row()
        answer = self.call("login", {"token": self.token, **more}, pin)
        self.session = answer["session"]
        keys: list[dict[str, Any]] = answer["keys"]
        return keys

    def work(self, method: str, *secrets: bytes, **params: Any) -> Any:
        """Call a method in the session; what the token wants its SO for is done as the SO."""
        told = {"session": self.session, **params}
        try:
            return self.call(method, told, *secrets)
        except ChildError as exc:
            if (exc.code, exc.data) != ("needs_so", {"capability": method}):
                raise
        return self.call(method, {**told, "as_so": True}, self.so_pin)

    def key(self, spec: str, **more: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.work("generate_key", spec=spec, label="chiave", **more)
        return made

    def check_key(self, made: dict[str, Any]) -> None:
        """It proves itself, and openssl agrees with its request."""
        named = {"key_id": made["key_id"]}
        self.work("challenge", **named, public_key=made["public_key"])
        request = self.folder / "request.der"
        request.write_bytes(self.work("csr", **named, common_name=COMMON_NAME)["csr"])
        judged = run("openssl", "req", "-verify", "-noout", "-inform", "DER", "-in", request)
        assert "verify OK" in judged


@contextmanager
def worker_over(module: Path | None, folder: Path, so_pin: bytes) -> Iterator[CardWorker]:
    assert module is not None, "make setup installs ykcs11 and opensc-pkcs11"
    with asyncio.Runner() as runner, contextlib.ExitStack() as stack:
        child = Child(
            [sys.executable, "-m", "custode_drivers.pkcs11.worker", "--module", str(module)],
            log=folder / "worker.log",
        )
        stack.callback(lambda: runner.run(child.close()))
        yield CardWorker(child, runner, folder, so_pin)


def spki(key: Private) -> bytes:
    return certificates.spki(key.public_key())
