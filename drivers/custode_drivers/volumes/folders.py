"""Watches folders that may not exist yet, may vanish and come back.

watchdog reports to a queue; a thread of ours empties it, aims the watches anew where that is
needed, and then says once that something changed. So whoever listens never runs inside watchdog,
and a burst of events is one call. Nothing polls.
"""

from __future__ import annotations

import errno
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

log = logging.getLogger(__name__)

_EVENTS: Final[list[type[FileSystemEvent]]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
]
_STOP_S: Final = 5.0
_MAX_AIMS: Final = 16

Changed = Callable[[Sequence[Path]], None]
"""Takes the paths that events named: of folders, of what is in them, of what stands beside them."""

_Note = Path | None
"""A path that changed; None ends the thread."""


class FolderWatch:
    """Calls `changed` from its own thread: with the folders at the start, then after each burst.

    A folder may be made, deleted or renamed; that one further above it is renamed is not noticed.
    """

    def __init__(self, folders: Iterable[Path], changed: Changed, *, recursive: bool) -> None:
        self._aims = [_Aim(folder.absolute(), recursive=recursive) for folder in folders]
        self._changed = changed
        self._notes: queue.SimpleQueue[_Note] = queue.SimpleQueue()
        self._observer: BaseObserver | None = None
        self._handler = _Handler(self._notes.put)
        self._thread: threading.Thread | None = None
        self.problem: str | None = None
        """Why a folder cannot be watched now (too many watches, no permission)."""

    def start(self) -> None:
        """Begin to watch."""
        # Made only now, because an observer runs threads from its construction on.
        self._observer = Observer()
        self._observer.start()
        self._thread = threading.Thread(
            target=self._run, args=(self._observer,), name="folder-watch", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Watch no more; not to be called from `changed`."""
        if self._thread is None or self._observer is None:
            return
        self._notes.put(None)
        self._thread.join(_STOP_S)
        self._observer.stop()
        self._observer.join(_STOP_S)
        self._thread = self._observer = None

    def look_again(self) -> None:
        """Aim all watches anew, as after something was mounted over a folder."""
        for aim in self._aims:
            self._notes.put(aim.folder)

    def _run(self, observer: BaseObserver) -> None:
        touched = [aim.folder for aim in self._aims]
        while True:
            self._aim(observer, touched)
            try:
                self._changed(touched)
            except Exception:
                log.exception("a change of a folder could not be handled")
            notes = [self._notes.get()]
            while not self._notes.empty():
                notes.append(self._notes.get())
            if None in notes:
                return
            touched = [note for note in notes if note is not None]

    def _aim(self, observer: BaseObserver, touched: Sequence[Path]) -> None:
        self.problem = None
        for aim in self._aims:
            if any(aim.folder.is_relative_to(path) for path in touched):
                aim.loosen(observer)
            try:
                aim.fix(observer, self._handler)
            except OSError as exc:
                self.problem = f"{aim.folder}: {exc}"
                log.warning("cannot watch %s", self.problem)


class _Handler(FileSystemEventHandler):
    def __init__(self, put: Callable[[_Note], None]) -> None:
        self._put = put

    def on_any_event(self, event: FileSystemEvent) -> None:
        for path in (event.src_path, event.dest_path):
            if path:
                self._put(Path(path if isinstance(path, str) else path.decode()))


class _Aim:
    """The watches for one folder: itself while it is there, and what tells of its coming."""

    def __init__(self, folder: Path, *, recursive: bool) -> None:
        self.folder: Final = folder
        self._recursive = recursive
        self._watches: dict[Path, ObservedWatch] = {}

    def loosen(self, observer: BaseObserver) -> None:
        """Forget the watches: their folders may be others by now, under the same names."""
        for watch in self._watches.values():
            observer.unschedule(watch)
        self._watches.clear()

    def fix(self, observer: BaseObserver, handler: FileSystemEventHandler) -> None:
        """Watch the folder and the nearest one above it that exists.

        :raises OSError: when the system refuses.
        """
        for _ in range(_MAX_AIMS):
            wanted = self._wanted()
            for path in [path for path in self._watches if path not in wanted]:
                observer.unschedule(self._watches.pop(path))
            try:
                for path in [path for path in wanted if path not in self._watches]:
                    self._watches[path] = self._schedule(observer, handler, path)
            except (FileNotFoundError, NotADirectoryError):
                continue  # it went between the look and the watch
            # Something may have been made between the look and the watch.
            if self._wanted() == wanted:
                return
        raise OSError(errno.EAGAIN, "the folder does not come to rest")

    def _schedule(
        self, observer: BaseObserver, handler: FileSystemEventHandler, path: Path
    ) -> ObservedWatch:
        recursive = self._recursive and path == self.folder
        return observer.schedule(handler, str(path), recursive=recursive, event_filter=_EVENTS)

    def _wanted(self) -> list[Path]:
        above = next(path for path in self.folder.parents if path.is_dir())
        return [above, self.folder] if self.folder.is_dir() else [above]
