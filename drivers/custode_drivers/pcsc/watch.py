"""Notices that a card comes or goes, and which: its answer to reset comes with the event.

One thread, blocked in SCardGetStatusChange: nothing polls, and no card is ever talked to. When the
service stops, its contexts are dead for good (pcsc-lite): a new one is made, at once when the
service's socket appears, and with growing pauses in any case. Meanwhile the watch says that it sees
nothing, because that is not the same as that nothing is there.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from custode_drivers.api.events import ReadersSeen
from custode_drivers.api.protocols import Watch
from custode_drivers.pcsc.scard import FOREVER, Code, LibraryMissing, PyScard, Scard, ScardError
from custode_drivers.pcsc.table import Table

if TYPE_CHECKING:
    from custode_drivers.volumes.folders import FolderWatch

log = logging.getLogger(__name__)

Report = Callable[[ReadersSeen], None]

FIRST_LOOK_S: Final = 0.5
"""How long `start` waits for the service, so that what is there is known before it returns."""
SETTLED_MS: Final = 1000
"""After readers came or went they are listed once more: a compound device brings several."""
_BREATH_S: Final = 0.02  # between two waits that returned: a service gone mad must not spin us
# Then the last one for ever. The socket tells of a service that starts: these are for one that is
# not ready yet when its socket is, and for systems where nothing can be watched.
_PAUSES_S: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 30.0)
_STOP_S: Final = 5.0
_SOCKET: Final = "/run/pcscd/pcscd.comm"
_SOCKET_VARIABLE: Final = "PCSCLITE_CSOCK_NAME"  # where pcsc-lite itself looks first

_WHY: Final[dict[int, str]] = {
    Code.NO_SERVICE: "no_service",
    Code.SERVICE_STOPPED: "no_service",
    Code.COMM_ERROR: "no_service",  # what a wait returns when the service ends under it
    Code.INVALID_HANDLE: "no_service",
    Code.SECURITY_VIOLATION: "refused",
}
NO_LIBRARY: Final = "no_library"


def service_socket(environ: Mapping[str, str]) -> Path:
    """Where the service listens."""
    return Path(environ.get(_SOCKET_VARIABLE) or _SOCKET)


class PcscWatch:
    """Reports the readers whenever they change, and says when a card moved.

    At the start, and whenever the service is there again, one may have.
    """

    def __init__(
        self,
        modules: Sequence[str],
        report: Report,
        make: Callable[[], Scard] = PyScard,
        socket: Path | None = None,
    ) -> None:
        """`modules`: those whose tokens are seen here; `socket`: pcscd's, if not the usual."""
        self._modules = tuple(modules)
        self._report = report
        self._make = make
        self._socket = socket or service_socket(os.environ)
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._looked = threading.Event()
        self._context: tuple[Scard, int] | None = None
        self._why: str | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="pcsc-watch", daemon=True)
        self._thread.start()
        self._looked.wait(FIRST_LOOK_S)

    def stop(self) -> None:
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stopping.set()
        self._wake.set()
        # A cancel that comes a moment before the wait begins is lost; one to a service that hangs
        # hangs as well. So it is sent by a thread of its own, and again.
        canceller = threading.Thread(target=self._cancel, args=(thread,), daemon=True)
        canceller.start()
        thread.join(_STOP_S)
        canceller.join(_STOP_S)
        if thread.is_alive():
            log.warning("the reader service does not let go of its watch")

    def _cancel(self, thread: threading.Thread) -> None:
        while thread.is_alive():
            context = self._context
            if context is not None:
                with suppress(ScardError):
                    context[0].cancel(context[1])
            thread.join(_BREATH_S)

    def _run(self) -> None:
        pause = iter(_PAUSES_S)
        socket: FolderWatch | None = None
        while not self._stopping.is_set():
            try:
                with self._connected() as (scard, context):
                    _end(socket)
                    socket = None
                    pause = iter(_PAUSES_S)
                    self._follow(scard, context)
            except LibraryMissing as exc:
                log.warning("%s", exc)
                self._tell_missing(NO_LIBRARY)
                return  # a library is installed with a restart of the agent
            except ScardError as exc:
                if self._stopping.is_set():
                    break
                self._tell_missing(_WHY.get(exc.code, f"{exc.code:#010x}"))
                socket = socket or self._watch_socket()
                self._wake.wait(next(pause, _PAUSES_S[-1]))
                if self._wake.is_set():
                    self._wake.clear()
                    pause = iter(_PAUSES_S)
        _end(socket)

    @contextmanager
    def _connected(self) -> Iterator[tuple[Scard, int]]:
        scard = self._make()
        context = scard.establish()
        self._context = scard, context
        try:
            yield scard, context
        finally:
            self._context = None
            with suppress(ScardError):
                scard.release(context)

    def _follow(self, scard: Scard, context: int) -> None:
        """Report what changes until stopped. :raises ScardError: when the service has ended."""
        table = self._look(scard, context, Table())
        self._tell(table, moved=True)
        self._looked.set()
        timeout = SETTLED_MS
        while not self._stopping.is_set():
            before = table
            table, timeout = self._next(scard, context, table, timeout)
            moved = table.card_moved_since(before)
            if moved or table.readers != before.readers:
                self._tell(table, moved=moved)

    def _next(self, scard: Scard, context: int, table: Table, timeout: int) -> tuple[Table, int]:
        """Wait for a change; gives what is there then, and how long to wait for the next."""
        try:
            after = table.told(scard.wait(context, table.question(), timeout))
        except ScardError as exc:
            if exc.code == Code.TIMEOUT:
                after = self._look(scard, context, table)
                same = after.slots.keys() == table.slots.keys()
                return after, FOREVER if same else SETTLED_MS
            if exc.code != Code.UNKNOWN_READER:
                raise
            return self._look(scard, context, table), SETTLED_MS
        if after.must_list:
            return self._look(scard, context, after), SETTLED_MS
        self._stopping.wait(_BREATH_S if after == table else 0)
        return after, timeout

    def _look(self, scard: Scard, context: int, table: Table) -> Table:
        """List the readers and ask each how it is, without waiting."""
        while True:
            table = table.listed(scard.readers(context))
            try:
                return table.told(scard.wait(context, table.question(), 0))
            except ScardError as exc:
                if exc.code == Code.TIMEOUT:  # nothing new, or no reader at all
                    return table
                if exc.code != Code.UNKNOWN_READER:
                    raise
                self._stopping.wait(_BREATH_S)  # one left between the list and the question

    def _tell(self, table: Table, *, moved: bool) -> None:
        self._why = None
        self._report(ReadersSeen(self._modules, table.readers, None, _now(), moved))

    def _tell_missing(self, why: str) -> None:
        if why != self._why:
            log.info("the reader service cannot be used: %s", why)
            known, self._why = self._why, why
            # What the modules show now was seen through it.
            self._report(ReadersSeen(self._modules, (), why, _now(), moved=known is None))
        self._looked.set()

    def _watch_socket(self) -> FolderWatch:
        # Only now: watchdog weighs several megabytes, and most services never stop.
        from custode_drivers.volumes.folders import FolderWatch

        folder = self._socket.parent

        def changed(touched: Sequence[Path]) -> None:
            if any(path.parent == folder or folder.is_relative_to(path) for path in touched):
                self._wake.set()

        watch = FolderWatch([folder], changed, recursive=False)
        watch.start()
        return watch


def _end(watch: FolderWatch | None) -> None:
    if watch is not None:
        watch.stop()


def _now() -> datetime:
    return datetime.now(UTC)


_: type[Watch] = PcscWatch
