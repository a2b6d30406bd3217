"""Time goes by: the domain is told, and after a sleep of the computer the tokens are read again.

A wake-up is not a timer: timers stand still while the computer sleeps. Where logind tells of it
this is the second to know; it needs nobody: the clock that counts sleep is compared with the one
that does not, and the wall clock with the loop's own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from custode.domain.events import ClockTicked, ComputerWoke, PlugHinted

if TYPE_CHECKING:
    from custode.daemon.clock import Clock
    from custode.daemon.mailbox import Mailbox

TICK_S: Final = 60.0
_JUMP_S: Final = 10.0
_SLEPT_S: Final = 1.0


def slept_s() -> float:
    """For how many seconds this computer has slept since it was started; 0.0 if nobody knows."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)  # Linux
    return time.clock_gettime(boottime) - time.monotonic() if boottime is not None else 0.0


async def tick(
    clock: Clock,
    mailbox: Mailbox,
    tick_s: float = TICK_S,
    slept: Callable[[], float] = slept_s,
) -> None:
    """Tell the domain the time until cancelled; hint at modules that may show something new."""
    loop = asyncio.get_running_loop()
    while True:
        wall, steady, before = clock.now(), loop.time(), slept()
        await clock.sleep(tick_s)
        now = clock.now()
        jumped = abs((now - wall).total_seconds() - (loop.time() - steady)) > _JUMP_S
        mailbox.put(ClockTicked(now))
        if jumped or slept() - before > _SLEPT_S:
            mailbox.put(ComputerWoke(now))
            continue
        state = mailbox.state
        for module in state.modules.values():
            # What could not be read tells nobody when it can be again; the reader service does.
            blind = state.blind(module.name)
            unread = module.failure is not None or module.unreadable
            if unread and not module.pending and not blind:
                mailbox.put(PlugHinted(module.name, now))
