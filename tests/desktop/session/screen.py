"""A display nobody sees, of a number that is free."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from tests.desktop.session.programs import first_line, running


@contextlib.contextmanager
def display(width: int = 1280, height: int = 800) -> Iterator[str]:
    """Have an X server of one's own; gives its name, `:7`."""
    told, tells = os.pipe()
    try:
        command = ["Xvfb", "-displayfd", str(tells), "-nolisten", "tcp", "-noreset"]
        command += ["-screen", "0", f"{width}x{height}x24"]
        with running(command, os.environ, tells_on=tells):
            os.close(tells)
            tells = -1
            yield ":" + first_line(told, "Xvfb")
    finally:
        os.close(told)
        if tells != -1:
            os.close(tells)
