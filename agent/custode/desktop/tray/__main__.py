"""`python -m custode.desktop.tray`: the tray; where one runs already, its main window."""

from __future__ import annotations

import os
import sys

from custode.desktop.tray.program import main

if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # GTK's and the link's threads need not be taken apart.
    os._exit(status)
