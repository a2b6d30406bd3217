"""Programs that a desktop consists of: started, waited for, ended with us whatever happens."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from collections.abc import Iterator, Mapping
from typing import Final

START_S: Final = 30.0
END_S: Final = 10.0

# util-linux: the program ends with its parent. `preexec_fn` is not for parents with threads.
_TIED: Final = ("setpriv", "--pdeathsig", "TERM", "--")


@contextlib.contextmanager
def running(
    command: list[str],
    environment: Mapping[str, str],
    *,
    tells_on: int | None = None,
    stdout: int = subprocess.DEVNULL,
    quiet: bool = True,
) -> Iterator[subprocess.Popen[bytes]]:
    """Have a program run; at the end it gets SIGTERM, and SIGKILL when it does not listen.

    `tells_on`: a descriptor that it inherits.
    """
    program = subprocess.Popen(
        [*_TIED, *command],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.DEVNULL if quiet else None,
        pass_fds=() if tells_on is None else (tells_on,),
    )
    try:
        yield program
    finally:
        end(program)
        if program.stdout is not None:
            program.stdout.close()


def end(program: subprocess.Popen[bytes]) -> None:
    """End one program, and wait for its end."""
    program.terminate()
    try:
        program.wait(END_S)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait(END_S)


def first_line(descriptor: int, what: str) -> str:
    """What a program says first.

    :raises TimeoutError: when it says nothing in time
    :raises ChildProcessError: when it ended instead
    """
    said = b""
    while not said.endswith(b"\n"):
        readable, _, _ = select.select([descriptor], [], [], START_S)
        if not readable:
            raise TimeoutError(f"{what} says nothing")
        more = os.read(descriptor, 4096)
        if not more:
            raise ChildProcessError(f"{what} ended: {said!r}")
        said += more
    return said.decode().strip()
