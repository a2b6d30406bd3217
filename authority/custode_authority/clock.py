"""Port: what time it is. The authority's time is the one that decides."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the current moment, aware, UTC."""
        ...


class SystemClock:
    """The computer's own clock."""

    def now(self) -> datetime:
        """Return the current moment, aware, UTC."""
        return datetime.now(UTC)


_: type[Clock] = SystemClock
