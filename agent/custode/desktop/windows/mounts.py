"""Notices that a stick was plugged in or pulled, while a window that shows them is open.

Linux marks /proc/self/mountinfo as exceptional for poll(2) at every change (proc(5)); Qt waits for
that with everything else. Nothing polls. Elsewhere there is no such file, and nothing is noticed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QFile, QObject, QSocketNotifier, QTimer, Signal

_MOUNTS: Final = Path("/proc/self/mountinfo")
_SETTLE_MS: Final = 300  # a stick with several parts is mounted part by part


class Mounts(QObject):
    """Tells once after each burst of changes; ends with its parent."""

    changed = Signal()

    def __init__(self, parent: QObject, mounts: Path = _MOUNTS) -> None:
        super().__init__(parent)
        self._notifier: QSocketNotifier | None = None
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(_SETTLE_MS)
        self._settling.timeout.connect(self.changed)
        table = QFile(str(mounts), self)  # closed with us, however we end
        if table.open(QFile.OpenModeFlag.ReadOnly | QFile.OpenModeFlag.Unbuffered):
            self._notifier = QSocketNotifier(table.handle(), QSocketNotifier.Type.Exception, self)
            self._notifier.activated.connect(self._settling.start)

    def close(self) -> None:
        """Notice no more."""
        self._settling.stop()
        if self._notifier is not None:
            self._notifier.setEnabled(False)
