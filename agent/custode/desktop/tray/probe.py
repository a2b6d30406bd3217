"""`python -m custode.desktop.tray.probe`: loads what the tray is drawn with, and draws nothing.

A process of its own, for GTK stays once it is loaded. Exit status 0, or 1 when something of it is
missing; then the reason is on standard error.
"""

from __future__ import annotations

import sys

from custode.desktop.tray import toolkit
from custode.errors import CustodeError


def main() -> int:
    """Load it."""
    try:
        toolkit.load()
    except CustodeError as error:
        cause = error.__cause__
        sys.stderr.write(f"{cause if cause is not None else error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
