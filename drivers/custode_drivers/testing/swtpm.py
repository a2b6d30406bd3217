"""A TPM of one's own: swtpm, a software TPM 2.0, on this computer's loopback.

    with SwTpm(folder) as tpm:
        os.environ.update(tpm.environment)    # for tpm2-pkcs11, in the process that loads it

There is no resource manager before it, as the kernel is before a real one (/dev/tpmrm0): so its few
places for loaded keys are all there is.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_HOST: Final = "127.0.0.1"
_START_S: Final = 20.0
_END_S: Final = 5.0
_TRIES: Final = 5


class SwTpmUnavailable(Exception):
    """No TPM can run here; the text says why."""


def missing() -> str | None:
    """Say what has to be installed for a TPM to run here; None: nothing."""
    return None if shutil.which("swtpm") else "swtpm is not installed (Debian: swtpm)"


class SwTpm:
    """A TPM as it comes from its maker; its state lies in `folder`, tpm2-pkcs11's store too."""

    def __init__(self, folder: Path) -> None:
        self._state: Final = folder / "tpm"
        self._store: Final = folder / "store"
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it. :raises SwTpmUnavailable: when it does not."""
        self._state.mkdir(mode=0o700)
        self._store.mkdir(mode=0o700)
        for _ in range(_TRIES):  # somebody else may take a port that was free a moment ago
            if self._start():
                return self
        raise SwTpmUnavailable("swtpm ended at once, or does not answer")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    @property
    def environment(self) -> Mapping[str, str]:
        """What tpm2-pkcs11 has to be told."""
        return {
            "TPM2_PKCS11_TCTI": f"swtpm:host={_HOST},port={self._port}",
            "TPM2_PKCS11_STORE": str(self._store),
            "TPM2_PKCS11_BACKEND": "esysdb",
            "TSS2_LOG": "all+NONE",  # else every call writes to stderr
        }

    def _start(self) -> bool:
        self._port = _two_free_ports()
        server, control = (
            f"type=tcp,bindaddr={_HOST},port={port}" for port in (self._port, self._port + 1)
        )
        self._process = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL"),  # it ends with us, whatever happens to us
                *("swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self._state}"),
                *("--server", server, "--ctrl", control),
                *("--flags", "not-need-init,startup-clear"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until_s = time.monotonic() + _START_S
        while time.monotonic() < until_s and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((_HOST, self._port + 1)):
                return True
            time.sleep(0.01)
        self._end()
        return False

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _two_free_ports() -> int:
    """Return a port that is free, and the next one with it: where libtss2 looks for the control."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind((_HOST, 0))
            port: int = first.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                second.bind((_HOST, port + 1))
                return port
