"""`python -m custode.desktop.probe`: tries whether a window could open; says what is in the way.

A process of its own, for Qt ends the one in which no display opens. Writes one object of JSON:
`{"platform"}`, or `{"part"}` for a library that is missing, or `{"why"}`.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import sys
from pathlib import Path
from typing import Final

from custode.confinement import forbid_core_dumps

# ld.so(8): "libX.so.1: cannot open shared object file: …"
_MISSING: Final = re.compile(r"(\S+\.so[.\d]*): cannot open shared object file")


def main() -> int:
    """Open nothing but the way to the display."""
    forbid_core_dumps()
    try:
        from PySide6.QtGui import QGuiApplication

        _load_platform()
        app = QGuiApplication(["custode"])
    except (ImportError, OSError) as exc:
        found = _MISSING.search(str(exc))
        _tell({"part": found[1]} if found else {"why": str(exc)})
        return 1
    _tell({"platform": app.platformName()})
    return 0


def _load_platform() -> None:
    """Load Qt's part for X11: it says which library it misses, where Qt itself says almost nothing.

    :raises OSError: with the name of what is missing
    """
    from PySide6.QtCore import QLibraryInfo

    if os.environ.get("QT_QPA_PLATFORM") or os.environ.get("WAYLAND_DISPLAY"):
        return
    plugins = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath))
    ctypes.CDLL(str(plugins / "platforms" / "libqxcb.so"))


def _tell(told: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
