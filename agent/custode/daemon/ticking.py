"""Time goes by: the domain is told, and after a sleep of the computer the tokens are read again.

A wake-up is not a timer: timers stand still while the computer sleeps, so the wall clock is
compared with the loop's own.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from custode.domain.events import ClockTicked, PlugHinted

if TYPE_CHECKING:
    from custode.daemon.clock import Clock
    from custode.daemon.mailbox import Mailbox

TICK_S: Final = 60.0
_JUMP_S: Final = 10.0


async def tick(clock: Clock, mailbox: Mailbox, tick_s: float = TICK_S) -> None:
    """Tell the domain the time until cancelled; hint at modules that may show something new."""
    loop = asyncio.get_running_loop()
    while True:
        wall, steady = clock.now(), loop.time()
        await clock.sleep(tick_s)
        now = clock.now()
        jumped = abs((now - wall).total_seconds() - (loop.time() - steady)) > _JUMP_S
        mailbox.put(ClockTicked(now))
        for module in mailbox.state.modules.values():
            # What could not be read tells nobody when it can be again.
            unread = module.failure is not None or module.unreadable
            if jumped or (unread and not module.pending):
                mailbox.put(PlugHinted(module.name, now))
