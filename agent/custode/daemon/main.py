"""`custode agent`: the daemon as a process, and the composition root of the agent.

READY waits for the first look at the tokens, and a token worker takes as long to load as the agent
does. So the workers are started before most of the agent is imported: the two load side by side.
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from custode.confinement import forbid_core_dumps
from custode.daemon import activation
from custode.daemon.config_file import LiveConfig
from custode.daemon.tokens import TokenWorkers
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.paths import Paths

if TYPE_CHECKING:
    from pathlib import Path

    from custode.daemon.agent import Wiring

_LOG_MAX: Final = 4 << 20  # bytes; a longer one is put aside at the next start

# For the lock: somebody who asks whether an agent runs has it for a moment; and one that was
# started by hand may be stopping when the service manager starts the next.
_PROBED_S: Final = 0.1
_OLDER_ENDS_S: Final = 10.0
_AGAIN_S: Final = 0.01

_log = logging.getLogger(__name__)


def main() -> int:
    """Run the agent in the foreground until SIGTERM, SIGINT or `agent.stop`.

    Prints READY on stdout once clients can connect (and tells systemd).
    :raises CustodeError: AGENT_RUNNING, or why it cannot start
    """
    return run(Paths.find(), _wiring)


def _wiring() -> Wiring:
    from custode.daemon.composition import wiring  # once the workers run: see above

    return wiring()


def run(paths: Paths, wiring: Callable[[], Wiring]) -> int:
    """Run an agent for these paths, as `main`; `wiring` is called once the token workers run."""
    os.umask(0o077)  # new files are for this user alone
    forbid_core_dumps()
    wanted = frozenset({paths.agent_socket.name, paths.secrets_socket.name})
    given = activation.take(wanted)
    try:
        paths.make()
        with _only_one(paths, _OLDER_ENDS_S if given.sockets else _PROBED_S):
            _start_log(paths.log)
            try:
                asyncio.run(_serve(paths, wiring, given))
            except CustodeError as exc:
                _log.error("%s (%s)", exc, exc.code.value)
                raise
            _log.info("stopped")
    except CustodeError as exc:
        activation.refuse_waiting(given, paths, exc)
        raise
    return 0


async def _serve(paths: Paths, wiring: Callable[[], Wiring], given: activation.Activation) -> None:
    config = LiveConfig(paths.config)
    tokens = TokenWorkers(config.current().modules, paths.log)
    try:
        await tokens.start()
        from custode.daemon.agent import Agent  # now that the workers run: see above

        agent = Agent(paths, wiring(), config, tokens, given)
        gc.freeze()  # what was loaded so far stays: looking through it would take 20 ms each time
        gc.enable()  # which `custode.daemon.__main__` put off
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, agent.stop)
        await agent.run(lambda: _say_ready(given))
    finally:
        await tokens.close()  # once more, for an agent that did not get as far


def _say_ready(given: activation.Activation) -> None:
    _log.info("ready, process %d", os.getpid())
    with suppress(OSError, ValueError):  # whoever started us may have hung up
        sys.stdout.write("READY\n")
        sys.stdout.flush()
    given.tell("READY=1")


@contextmanager
def _only_one(paths: Paths, patience_s: float) -> Iterator[None]:
    """Hold this home's lock; the kernel lets go of it whatever becomes of this process.

    :raises CustodeError: AGENT_RUNNING
    """
    until = time.monotonic() + patience_s
    fd = os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _locked(fd):
            if time.monotonic() >= until:
                raise CustodeError(ErrorCode.AGENT_RUNNING, home=str(paths.home))
            time.sleep(_AGAIN_S)
        yield
    finally:
        os.close(fd)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start_log(path: Path) -> None:
    if path.exists() and path.stat().st_size > _LOG_MAX:
        path.replace(path.with_name(path.name + ".1"))
    logging.basicConfig(
        filename=path,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )
