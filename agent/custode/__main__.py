"""`custode`, and `python -m custode`: how every program of ours is entered and left quickly.

A command runs for a tenth of a second, and a quarter of that went into looking for garbage among
modules that stay, and into taking them apart at the end.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run the command line on this process's own arguments."""
    gc.disable()
    from custode.cli.main import run

    gc.freeze()  # what was loaded so far stays: it is not looked through any more
    gc.enable()
    _leave(run())


def _leave(status: int) -> NoReturn:
    """End the process. The kernel takes back what is left: memory, descriptors, daemon threads."""
    atexit._run_exitfuncs()  # noqa: SLF001 - as multiprocessing does before its own os._exit
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(OSError, ValueError):  # its reader has left, which was told before
                stream.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
