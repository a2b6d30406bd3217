"""On PYTHONPATH of a test's programs: the clock port of agent or authority is so many days off.

CUSTODE_TEST_CLOCK is "agent:3650" or "authority:-3650", or "agent:@FILE" with the number in a file,
read each time. The rest of the computer keeps its time, as it does where the authority stands
elsewhere.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any


def _shift(clock: type[Any], days: str) -> None:
    def off() -> int:
        return int(Path(days[1:]).read_text("ascii") if days.startswith("@") else days)

    clock.now = lambda _self: datetime.now(UTC) + timedelta(days=off())


_who, _, _days = os.environ.get("CUSTODE_TEST_CLOCK", "").partition(":")
if _who == "agent":
    from custode.daemon.clock import SystemClock as AgentClock

    _shift(AgentClock, _days)
elif _who == "authority":
    from custode_authority.clock import SystemClock as AuthorityClock

    _shift(AuthorityClock, _days)
