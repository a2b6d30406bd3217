"""Notices that a SoftHSM token is plugged in or pulled out: its directory moves.

SoftHSM cannot tell: C_WaitForSlotEvent is not supported, and its slot list is made at C_Initialize.
A directory that is renamed in is noticed within milliseconds; one renamed out after half a second,
because watchdog first waits for the other end of the move.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from custode_drivers.api.events import PlugHint
from custode_drivers.api.protocols import Watch
from custode_drivers.volumes.folders import FolderWatch


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

    @property
    def problem(self) -> str | None:
        """Why the directory cannot be watched now."""
        return self._folders.problem

    def start(self) -> None:
        self._folders.start()

    def stop(self) -> None:
        self._folders.stop()

    def _look(self, touched: Sequence[Path]) -> None:
        # Not what the directory would look like: a token pulled out and put back at once looks
        # the same, and yet its session must die. Not what stands beside the directory either.
        if any(
            path.parent == self._directory or self._directory.is_relative_to(path)
            for path in touched
        ):
            self._report(PlugHint(self._module, datetime.now(UTC)))


_: type[Watch] = SoftHsmWatch
