"""Notices that a SoftHSM token is plugged in or pulled out: its directory moves.

SoftHSM cannot tell: C_WaitForSlotEvent is not supported, and its slot list is made at C_Initialize.
A directory that is renamed in is noticed within milliseconds; one renamed out after half a second,
because watchdog first waits for the other end of the move. A token that is being initialised fills
its directory only after making it: so each change is hinted at twice, at once and when it has
settled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from custode_drivers.api.events import PlugHint
from custode_drivers.api.protocols import Watch
from custode_drivers.volumes.folders import FolderWatch

SETTLED_S: Final = 0.7  # C_InitToken and C_InitPIN of softhsm2-util together take a tenth of it


class SoftHsmWatch:
    """Reports a hint whenever the token directory's entries changed, and one at the start.

    The directory may be made later, and may vanish and come back.
    """

    def __init__(
        self, module: str, token_directory: Path, report: Callable[[PlugHint], None]
    ) -> None:
        self._module = module
        self._directory = token_directory.absolute()
        self._report = report
        self._folders = FolderWatch([token_directory], self._look, recursive=False)
        self._settling: threading.Timer | None = None

    @property
    def problem(self) -> str | None:
        """Why the directory cannot be watched now."""
        return self._folders.problem

    def start(self) -> None:
        self._folders.start()

    def stop(self) -> None:
        self._folders.stop()
        if self._settling is not None:
            self._settling.cancel()
            self._settling.join()

    def _look(self, touched: Sequence[Path]) -> None:
        # Not what the directory would look like: a token pulled out and put back at once looks
        # the same, and yet its session must die. Not what stands beside the directory either.
        if any(
            path.parent == self._directory or self._directory.is_relative_to(path)
            for path in touched
        ):
            self._hint()
            self._settle()

    def _hint(self) -> None:
        self._report(PlugHint(self._module, datetime.now(UTC)))

    def _settle(self) -> None:
        """Hint once more after the last change; only the folders' own thread comes here."""
        if self._settling is not None:
            self._settling.cancel()
        self._settling = threading.Timer(SETTLED_S, self._hint)
        self._settling.daemon = True
        self._settling.start()


_: type[Watch] = SoftHsmWatch
