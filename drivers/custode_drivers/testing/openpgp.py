"""A virtual OpenPGP card 3.4, by others: smartcard-app-openpgp in a process of its own.

    with OpenPgpCard(serial=7) as card:
        pcscd.readers[0].insert(card)

A second applet, written by people who did not read our PIV card. PIN 123456, SO PIN (PW3) 12345678.
It is under the GPL: `make setup` installs it in an environment of its own, `.venv-openpgp`, and
this module talks to it through pipes (`openpgp_bridge.py`).
"""

from __future__ import annotations

import os
import select
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from custode_drivers.testing.vpcd import Signal, VirtualCard

_BRIDGE: Final = Path(__file__).with_name("openpgp_bridge.py")
_CHECKOUT: Final = Path(__file__).parents[3]
_START_S: Final = 30.0
_ANSWER_S: Final = 90.0  # a key pair of RSA 4096 on a loaded machine
_END_S: Final = 5.0


class OpenPgpUnavailable(Exception):
    """The card's own environment is missing, or its process ended; the text says which."""


def openpgp_python() -> Path:
    """The Python of the card's environment: CUSTODE_OPENPGP_PYTHON, or .venv-openpgp here.

    :raises OpenPgpUnavailable: when it is not there.
    """
    named = os.environ.get("CUSTODE_OPENPGP_PYTHON")
    python = Path(named) if named else _CHECKOUT / ".venv-openpgp/bin/python"
    if not python.exists():
        raise OpenPgpUnavailable(f"there is no {python}: make setup makes it")
    return python


class OpenPgpCard(VirtualCard):
    """The card, and its process until `close`."""

    def __init__(self, serial: int = 1, *, python: Path | None = None) -> None:
        self.serial: Final = serial
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process, see close()
        self._process = subprocess.Popen(
            [python or openpgp_python(), "-I", _BRIDGE, "--serial", str(serial)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
        )
        try:
            super().__init__(self._receive(_START_S))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process: by the end of its input, and by force after five seconds."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def process(self, command: bytes) -> bytes:
        self._send(command)
        return self._receive(_ANSWER_S)

    def signalled(self, signal: Signal) -> None:
        # It may be told of its removal after its end.
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._send(bytes((signal,)))

    def _send(self, frame: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(struct.pack(">H", len(frame)) + frame)

    def _receive(self, within_s: float) -> bytes:
        deadline_s = time.monotonic() + within_s
        (length,) = struct.unpack(">H", self._receive_exactly(2, deadline_s))
        return self._receive_exactly(length, deadline_s)

    def _receive_exactly(self, count: int, deadline_s: float) -> bytes:
        """So many bytes of the process.

        :raises OpenPgpUnavailable: when it ends or the time does.
        """
        assert self._process.stdout is not None
        data = b""
        while len(data) < count:
            left_s = max(0.0, deadline_s - time.monotonic())
            readable, _, _ = select.select([self._process.stdout], [], [], left_s)
            part = self._process.stdout.read(count - len(data)) if readable else b""
            if not part:
                why = "ended" if readable else "does not answer"
                self._log.seek(0)
                told = self._log.read().decode(errors="replace")
                raise OpenPgpUnavailable(f"the OpenPGP card's process {why}: {told}")
            data += part
        return data
