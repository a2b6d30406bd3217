"""Inside a worker: a PKCS#10 on a key made before, beside the bare C_Sign of the same module."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bench.figures import Figure, figure, medians
from custode.daemon.children import Child
from custode.demo.stage import new_pin
from custode_drivers.softhsm import tokens as softhsm

WHOLE_RUNS = 10
LABEL = "Bench"


class Bench:
    """One SoftHSM token with a user PIN, and a worker that is logged in to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.module = softhsm.find_module()
        self.pin, so_pin = new_pin(), new_pin(12)
        reader = folder / "reader"
        self.configuration = softhsm.write_configuration(folder / "softhsm2.conf", reader)
        self.token = softhsm.make_factory_token(reader, LABEL, so_pin, module=self.module)
        self.so_pin = so_pin
        self.loop = asyncio.new_event_loop()
        self.child = Child(
            [sys.executable, "-m", "custode_drivers.pkcs11.worker", "--module", self.module],
            {"SOFTHSM2_CONF": str(self.configuration)},
        )
        self.call("list")
        self.call("init_pin", secrets=(so_pin, self.pin))
        self.session = self.call("login", secrets=(self.pin,))["session"]

    def call(self, method: str, secrets: tuple[bytes, ...] = (), **params: Any) -> Any:
        """One call to the worker."""
        fds = [_pipe(secret) for secret in secrets]
        told = dict(params)
        if method in {"init_pin", "login"}:
            told["token"] = self.token.identity
        elif method != "list":
            told["session"] = self.session
        return self.run(lambda: self.child.call(method, told, fds=fds, deadline_s=60))

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Run one coroutine to its end."""

        async def awaited() -> Any:
            return await work()

        return self.loop.run_until_complete(awaited())

    def close(self) -> None:
        """End the worker."""
        self.run(self.child.close)
        self.loop.close()


def _pipe(secret: bytes) -> int:
    read, write = os.pipe()
    os.write(write, secret)
    os.close(write)
    return read


def measure() -> list[Figure]:
    """The two figures of the token."""
    with tempfile.TemporaryDirectory(prefix="custode-bench-") as folder:
        bench = Bench(Path(folder))
        try:
            return [*_csr(bench), *_key_and_csr(bench)]
        finally:
            bench.close()


def _csr(bench: Bench) -> list[Figure]:
    """Measured where it happens: a process of its own that logs in as the worker does."""
    key_id = bench.call("generate_key", spec="p256", label="csr")["key_id"]
    done = subprocess.run(
        [sys.executable, "-m", "bench.inside", bench.module, bench.token.serial, key_id],
        input=bench.pin,
        env={**os.environ, "SOFTHSM2_CONF": str(bench.configuration)},
        capture_output=True,
        timeout=120,
        check=True,
    )
    csr, sign = (float(word) for word in done.stdout.split())
    return [figure("csr on a P-256 key, inside the logged-in worker", csr, "ms", 1.5 * sign + 5,
                   ("raw C_Sign", sign))]  # fmt: skip


def _key_and_csr(bench: Bench) -> list[Figure]:
    """Call received → answered, beside pkcs11-tool and openssl doing the same."""

    def ours() -> None:
        key_id = bench.call("generate_key", spec="p256", label="k")["key_id"]
        bench.call("csr", key_id=key_id, common_name="RSSMRA80A01H501U")

    peer = Peer(bench)
    mine, theirs = medians(WHOLE_RUNS, ours, peer.key_and_csr)
    return [
        figure("key + csr on P-256, worker warm: call → answer", mine, "ms", theirs,
               ("pkcs11-tool + openssl -engine", theirs)),
    ]  # fmt: skip


def whole_command(run: Callable[[], object]) -> list[Figure]:
    """`custode csr` as a whole, beside the peer's two commands."""
    with tempfile.TemporaryDirectory(prefix="custode-bench-") as folder:
        bench = Bench(Path(folder))
        try:
            mine, theirs = medians(WHOLE_RUNS, run, Peer(bench).key_and_csr)
        finally:
            bench.close()
    return [
        figure("key + csr on P-256, the whole command `custode csr`", mine, "ms", theirs + 60,
               ("pkcs11-tool + openssl -engine", theirs)),
    ]  # fmt: skip


class Peer:
    """The same by hand: `pkcs11-tool --keypairgen`, then `openssl req -engine pkcs11`."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.number = 0
        self.pin_file = bench.folder / "pin"
        self.pin_file.write_bytes(bench.pin)
        self.env = {
            **os.environ,
            "SOFTHSM2_CONF": str(bench.configuration),
            "PKCS11_MODULE_PATH": bench.module,
        }
        engine = bench.folder / "engine.cnf"
        engine.write_text(
            "openssl_conf = c\n[c]\nengines = e\n[e]\npkcs11 = p\n[p]\nengine_id = pkcs11\n"
            f"dynamic_path = {_engine()}\nMODULE_PATH = {bench.module}\ninit = 0\n"
            "[req]\ndistinguished_name = d\n[d]\n"
        )
        self.env["OPENSSL_CONF"] = str(engine)

    def key_and_csr(self) -> None:
        """One key, one request."""
        self.number += 1
        label = f"peer{self.number}"
        pin = self.bench.pin.decode("ascii")
        self._do(
            "pkcs11-tool", "--module", self.bench.module, "--login", "--pin", pin,
            "--token-label", LABEL, "--keypairgen", "--key-type", "EC:prime256v1",
            "--label", label, "--id", f"{self.number:04x}",
        )  # fmt: skip
        uri = f"pkcs11:token={LABEL};object={label};type=private?pin-source={self.pin_file}"
        self._do(
            "openssl", "req", "-new", "-engine", "pkcs11", "-keyform", "engine", "-key", uri,
            "-subj", "/CN=RSSMRA80A01H501U", "-out", str(self.bench.folder / "peer.csr"),
        )  # fmt: skip

    def _do(self, *words: str) -> None:
        subprocess.run(words, env=self.env, capture_output=True, timeout=60, check=True)


def _engine() -> str:
    return next(str(path) for path in Path("/usr/lib").glob("*/engines-3/pkcs11.so"))
