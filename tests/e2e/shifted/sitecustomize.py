"""On PYTHONPATH of a test's programs: the clock port of agent or authority is so many days off.

CUSTODE_TEST_CLOCK is "agent:3650" or "authority:-3650". The rest of the computer keeps its time,
as it does where the authority stands elsewhere.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any


def _shift(clock: type[Any], days: int) -> None:
    clock.now = lambda _self: datetime.now(UTC) + timedelta(days=days)


_who, _, _days = os.environ.get("CUSTODE_TEST_CLOCK", "").partition(":")
if _who == "agent":
    from custode.daemon.clock import SystemClock as AgentClock

    _shift(AgentClock, int(_days))
elif _who == "authority":
    from custode_authority.clock import SystemClock as AuthorityClock

    _shift(AuthorityClock, int(_days))
