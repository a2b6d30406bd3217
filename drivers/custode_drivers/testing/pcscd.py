"""A real pcscd of one's own: its readers, its configuration, its end.

    with PcscDaemon(readers=("Yubico YubiKey CCID",)) as pcscd:
        os.environ.update(pcscd.environment)    # before this process first speaks PC/SC
        pcscd.readers[0].insert(PivCard(serial=1))

It runs in the foreground under a keeper (`keeper.py`), with namespaces of its own where the system
allows: then its socket lies in a private folder, several run side by side, the machine's own pcscd
and readers are not touched, and the port that vpcd opens on every address is nobody's to reach.
Where not, `isolation="shared"` takes pcscd's ordinary place, one at a time, with that port open.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import fcntl
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from custode_drivers.testing import keeper
from custode_drivers.testing.vpcd import VirtualReader

_SLOTS: Final = 2  # vpcd's own number of slots a reader; each has the port after the one before
_FIRST_PORT: Final = 35963  # in a network namespace every port is free
_START_S: Final = 10.0
_LOCK: Final = Path(tempfile.gettempdir()) / "custode-testing-pcscd.lock"


class PcscUnavailable(Exception):
    """No pcscd of one's own can run here; the text says why and what would help."""


class Isolation(enum.Enum):
    """Where the daemon runs."""

    NAMESPACES = "namespaces"
    SHARED = "shared"


@functools.cache
def available_isolation() -> Isolation:
    """What this system allows this user.

    :raises PcscUnavailable: when pcscd or vpcd is missing, or neither way is open.
    """
    _pcscd_program()
    if not keeper.VPCD.exists():
        raise PcscUnavailable(
            f"vpcd is not installed (Debian: vsmartcard-vpcd): there is no {keeper.VPCD}",
        )
    tried = subprocess.run([*_unshare(), "true"], capture_output=True, check=False)
    if tried.returncode == 0:
        return Isolation.NAMESPACES
    if os.access("/run/pcscd" if Path("/run/pcscd").exists() else "/run", os.W_OK):
        return Isolation.SHARED
    raise PcscUnavailable(
        "a pcscd of one's own needs namespaces (unshare --mount --net --map-root-user is refused: "
        f"{tried.stderr.decode().strip()}) or the right to write to /run/pcscd",
    )


class PcscDaemon:
    """One pcscd with virtual readers; start it with `with`.

    Each name in `readers` is a reader of two slots (vpcd has two): PC/SC calls them "NAME 00 00"
    and "NAME 00 01", like two of the same make on one desk. A name given twice is there twice, and
    pcscd lets nobody connect to the second: for those who only watch. `runtime` is the folder of
    the socket, by default a temporary one: give the same folder to all daemons of one process,
    because libpcsclite reads PCSCLITE_CSOCK_NAME once in a process's life.
    """

    def __init__(
        self,
        readers: Iterable[str] = ("Virtual PCD",),
        *,
        runtime: Path | None = None,
        isolation: Isolation | None = None,
    ) -> None:
        self.isolation: Final = isolation or available_isolation()
        self.pid = 0
        """Of pcscd while it runs; 0 while it does not."""
        self.readers: tuple[VirtualReader, ...] = ()
        """The slots, two a reader, in PC/SC's order."""
        self._names = tuple(readers)
        self._configured = False
        self._given_runtime = runtime
        self._cleanup = contextlib.ExitStack()
        self._control: socket.socket | None = None
        self._asking = threading.Lock()

    # --- life --------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            self._folder = Path(tempfile.mkdtemp(prefix="custode-pcscd-"))
            undo.callback(shutil.rmtree, self._folder, ignore_errors=True)
            self._configuration = self._folder / "readers"
            self._configuration.mkdir()
            self._drivers = keeper.PRIVATE_DRIVERS
            if self.isolation is Isolation.NAMESPACES:
                self._runtime.mkdir(mode=0o700, exist_ok=True)
            if self.isolation is Isolation.SHARED:
                undo.enter_context(_machine_lock())
                self._drivers = self._folder / "drivers"
                self._drivers.mkdir()
            self._start_keeper(undo)
            self.start()
            self._cleanup = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._cleanup:
            self.eject()
            self.stop()

    def start(self, readers: Iterable[str] | None = None) -> None:
        """Start pcscd (again), with other readers if given; ready to be used when this returns.

        :raises PcscUnavailable: when it ends at once or is not there after ten seconds.
        """
        names = self._names if readers is None else tuple(readers)
        if names != self._names or not self._configured:
            self.eject()
            self._names = names
            self._configure()
            self._configured = True
        answer, _ = self._ask({"do": "start", "readers": len(self._names)})
        self.pid = int(str(answer["pid"]))
        deadline_s = time.monotonic() + _START_S
        while not self._is_listening():
            if time.monotonic() > deadline_s:
                raise PcscUnavailable(f"pcscd did not start: {self._log_path.read_text()}")
            time.sleep(0.005)  # pcscd has no way of saying that it is ready

    def stop(self) -> None:
        """End pcscd as the system would (SIGTERM). Cards fall out of the readers."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End pcscd as a crash would (SIGKILL): socket and pid file stay behind."""
        self._signal(signal.SIGKILL)

    def restart(self, readers: Iterable[str] | None = None) -> None:
        """Stop it, and start it anew."""
        self.stop()
        self.start(readers)

    def eject(self) -> None:
        """Pull out every card."""
        for reader in self.readers:
            reader.remove()

    # --- for those who talk to it --------------------------------------------------------------

    @property
    def socket_path(self) -> Path:
        return self._runtime / "pcscd.comm"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to find this pcscd.

        With a `runtime` of one's own it is known before pcscd starts.
        """
        return {"PCSCLITE_CSOCK_NAME": str(self.socket_path)}

    @property
    def log(self) -> str:
        """What pcscd said since the first start."""
        return self._log_path.read_text(errors="replace")

    def reader(self, name: str) -> VirtualReader:
        """The slot with PC/SC's name `name`, or the first whose name begins so.

        :raises KeyError: when there is none.
        """
        for reader in self.readers:
            if reader.name.startswith(name):
                return reader
        raise KeyError(name)

    # --- inside --------------------------------------------------------------------------------

    @property
    def _runtime(self) -> Path:
        if self.isolation is Isolation.SHARED:
            return keeper.RUN_PCSCD
        return self._given_runtime or self._folder / "run"

    @property
    def _log_path(self) -> Path:
        return self._folder / "log"

    def _start_keeper(self, undo: contextlib.ExitStack) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        undo.enter_context(ours)
        pcscd = [
            _pcscd_program(),
            "--foreground",
            "--config",
            str(self._configuration),
            *_no_polkit(),
        ]
        private = self.isolation is Isolation.NAMESPACES
        command = [
            *(_unshare() if private else ()),
            *(sys.executable, "-I", "-S", keeper.__file__, "--control", str(theirs.fileno())),
            *(("--runtime", str(self._runtime)) if private else ("--drivers", str(self._drivers))),
            *("--folder", str(self._folder), "--", *pcscd),
        ]
        with theirs, self._log_path.open("ab") as log:
            process = subprocess.Popen(
                command,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        undo.callback(process.wait)
        undo.callback(ours.close)  # first, so that the keeper ends
        self._control = ours
        _, _ = self._answer()

    def _configure(self) -> None:
        """Write reader.conf(5), and make the slots."""
        entries = []
        readers: list[VirtualReader] = []
        for index, name in enumerate(self._names):
            port = self._port(index)
            entries.append(
                f'FRIENDLYNAME "{name}"\nDEVICENAME /dev/null:{port:#x}\n'
                f"LIBPATH {self._drivers}/{index}.so\nCHANNELID {port:#x}\n",
            )
            readers += [
                VirtualReader(
                    f"{name} 00 {slot:02X}",
                    functools.partial(self._connect_card, port + slot),
                )
                for slot in range(_SLOTS)
            ]
        (self._configuration / "virtual").write_text("\n".join(entries))
        self.readers = tuple(readers)

    def _port(self, index: int) -> int:
        if self.isolation is Isolation.NAMESPACES:
            return _FIRST_PORT + _SLOTS * index
        return _free_ports()

    def _signal(self, number: signal.Signals) -> None:
        if self._control is not None:
            self._ask({"do": "signal", "signal": int(number)})
        self.pid = 0
        self.eject()

    def _is_listening(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            return probe.connect_ex(str(self.socket_path)) == 0

    def _connect_card(self, port: int) -> socket.socket:
        """A connection to vpcd's port, made where pcscd runs.

        :raises OSError: when pcscd does not run.
        """
        _, descriptors = self._ask({"do": "connect", "port": port})
        return socket.socket(fileno=descriptors[0])

    def _ask(self, request: dict[str, int | str]) -> tuple[dict[str, object], list[int]]:
        if self._control is None:
            raise OSError(errno.ENOTCONN, "the daemon is used outside of its `with`")
        with self._asking:
            self._control.send(json.dumps(request).encode())
            return self._answer()

    def _answer(self) -> tuple[dict[str, object], list[int]]:
        """What the keeper answers, and the descriptors that came with it.

        :raises PcscUnavailable: when it is not there.
        :raises OSError: when it refuses.
        """
        assert self._control is not None
        data, descriptors, _, _ = socket.recv_fds(self._control, 4096, 1, socket.MSG_CMSG_CLOEXEC)
        if not data:
            raise PcscUnavailable(f"pcscd's keeper ended: {self.log}")
        answer: dict[str, object] = json.loads(data)
        if "errno" in answer:
            raise OSError(answer["errno"], answer["error"])
        return answer, descriptors


def _unshare() -> tuple[str, ...]:
    """Namespaces for what follows; whoever is not root is root in a user namespace of its own."""
    become_root = () if os.geteuid() == 0 else ("--map-root-user",)
    return ("unshare", *become_root, "--mount", "--net", "--")


def _pcscd_program() -> str:
    program = shutil.which("pcscd") or shutil.which("pcscd", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise PcscUnavailable("pcscd is not installed (Debian: pcscd)")
    return program


@functools.cache
def _no_polkit() -> tuple[str, ...]:
    """From 2.0 on pcscd may ask polkit, which knows nothing of a private pcscd."""
    told = subprocess.run([_pcscd_program(), "--help"], capture_output=True, text=True, check=False)
    return ("--disable-polkit",) if "--disable-polkit" in told.stdout else ()


def _free_ports() -> int:
    """The first of as many free ports in a row as a reader has slots; free at this moment."""
    while True:
        with contextlib.ExitStack() as held:
            first = held.enter_context(socket.create_server(("", 0))).getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                for slot in range(1, _SLOTS):
                    held.enter_context(socket.create_server(("", first + slot)))
                return int(first)


@contextlib.contextmanager
def _machine_lock() -> Iterator[None]:
    """Pcscd's ordinary place belongs to one at a time.

    :raises PcscUnavailable: when the machine's own pcscd has it.
    """
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(str(keeper.RUN_PCSCD / "pcscd.comm")) == 0:
                raise PcscUnavailable("a pcscd runs already, and namespaces are not allowed here")
        yield
