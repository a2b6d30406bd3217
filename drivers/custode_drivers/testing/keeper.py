"""Keeps one pcscd for its parent: started, ended and restarted on demand, never left behind.

A program of its own, of the standard library only, because it may run in namespaces of its own
(`unshare --mount --net`): there pcscd's fixed place /run/pcscd is a private folder, no reader of
the machine exists, and vpcd, which listens on every address, is reachable by nobody. Whoever wants
to put a card into a reader therefore asks here, and gets a connected socket (SCM_RIGHTS).

One request a datagram on the socket pair given as `--control`, JSON, one answer each:

    {"do": "start", "readers": 2}  →  {"pid": 123}
    {"do": "signal", "signal": 9}  →  {"ended": -9}     waits for the end; null when none ran
    {"do": "connect", "port": 1}   →  {}                with one descriptor

A refusal is `{"errno": …, "error": …}`. The end of the socket pair, or of the parent, is the end of
pcscd and of this program.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

RUN_PCSCD = Path("/run/pcscd")  # compiled into pcscd
BUNDLES = Path("/usr/lib/pcsc/drivers")  # where pcscd looks for drivers of USB readers
VPCD = BUNDLES / "serial/libifdvpcd.so"
PRIVATE_DRIVERS = Path("/run/drivers")  # in the namespaces, seen by pcscd only

_PR_SET_PDEATHSIG = 1  # prctl(2)
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1  # netdevice(7)
_END_S = 5.0


def _die_with_keeper() -> None:
    """Runs in the child; the keeper has one thread, so its death is that of the process."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _make_private(runtime: Path) -> None:
    """Inside the namespaces: `runtime` becomes /run/pcscd, USB drivers vanish, lo is up.

    :raises CalledProcessError, OSError: when the kernel refuses.
    """
    _mount("-t", "tmpfs", "-o", "mode=0755", "custode", "/run")
    RUN_PCSCD.mkdir()
    _mount("--bind", str(runtime), str(RUN_PCSCD))
    PRIVATE_DRIVERS.mkdir()
    _mount("-t", "tmpfs", "custode", str(BUNDLES))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as loopback:
        request = bytearray(struct.pack("16sh14x", b"lo", 0))
        fcntl.ioctl(loopback, _SIOCGIFFLAGS, request)
        flags = struct.unpack_from("h", request, 16)[0] | _IFF_UP
        fcntl.ioctl(loopback, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags))


class Keeper:
    """What the requests do.

    `command` is pcscd with its arguments; its log is our standard error. `drivers` is the folder
    for copies of vpcd, `N.so` for the N-th reader: the driver keeps its slots in a global table, so
    that two readers with the same copy would take each other's.
    """

    def __init__(self, command: list[str], drivers: Path, vpcd: bytes) -> None:
        self._command = command
        self._drivers = drivers
        self._vpcd = vpcd
        self._pcscd: subprocess.Popen[bytes] | None = None

    def start(self, readers: int) -> dict[str, object]:
        """Start pcscd where none runs. What a killed one left lying would stop it."""
        if self._pcscd is not None and self._pcscd.poll() is None:
            raise OSError(errno.EALREADY, "pcscd runs already")
        for left in ("pcscd.comm", "pcscd.pid"):
            (RUN_PCSCD / left).unlink(missing_ok=True)
        for reader in range(readers):
            (self._drivers / f"{reader}.so").write_bytes(self._vpcd)
        self._pcscd = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            preexec_fn=_die_with_keeper,  # noqa: PLW1509 - this program has no threads
        )
        return {"pid": self._pcscd.pid}

    def signal(self, number: int) -> dict[str, object]:
        """Send pcscd a signal that ends it, and wait; after five seconds it is killed."""
        pcscd, self._pcscd = self._pcscd, None
        if pcscd is None:
            return {"ended": None}
        pcscd.send_signal(number)
        try:
            return {"ended": pcscd.wait(_END_S)}
        except subprocess.TimeoutExpired:
            pcscd.kill()
            return {"ended": pcscd.wait()}

    def answer(self, request: dict[str, int | str]) -> tuple[dict[str, object], list[int]]:
        """Do one request: the answer, and descriptors to be sent with it (and closed here)."""
        try:
            match request["do"]:
                case "start":
                    return self.start(int(request["readers"])), []
                case "signal":
                    return self.signal(int(request["signal"])), []
                case "connect":
                    # Non-blocking would be a rare comfort: on the loopback this never waits.
                    card = socket.create_connection(("127.0.0.1", int(request["port"])))
                    return {}, [card.detach()]
                case other:
                    raise OSError(errno.EINVAL, f"unknown request {other!r}")
        except OSError as error:
            return {"errno": error.errno, "error": str(error)}, []


def _serve(control: socket.socket, parent: int, keeper: Keeper) -> None:
    ended = os.pidfd_open(parent)
    try:
        while True:
            readable, _, _ = select.select([control.fileno(), ended], [], [])
            if ended in readable:
                return
            data = control.recv(4096)
            if not data:
                return
            answer, descriptors = keeper.answer(json.loads(data))
            socket.send_fds(control, [json.dumps(answer).encode()], descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
    finally:
        os.close(ended)


def main() -> int:
    """Serve until the parent is gone."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--control", type=int, required=True, help="descriptor of the socket pair")
    parser.add_argument("--runtime", type=Path, help="make namespaces private, with this folder")
    parser.add_argument("--drivers", type=Path, default=PRIVATE_DRIVERS, help="for copies of vpcd")
    parser.add_argument("--folder", type=Path, required=True, help="to be removed at the end")
    parser.add_argument("pcscd", nargs="+")
    chosen = parser.parse_args()
    control = socket.socket(fileno=chosen.control)
    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the parent's to answer
    try:
        keeper = Keeper(chosen.pcscd, chosen.drivers, VPCD.read_bytes())
        if chosen.runtime is not None:
            _make_private(chosen.runtime)
    except (OSError, subprocess.CalledProcessError) as error:
        control.send(json.dumps({"errno": errno.EPERM, "error": str(error)}).encode())
        return 1
    control.send(b"{}")
    try:
        _serve(control, parent, keeper)
    finally:
        keeper.signal(signal.SIGTERM)
        shutil.rmtree(chosen.folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
