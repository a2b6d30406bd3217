"""Days as people mean them: by the calendar in Rome, for folders, reports and screens alike."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

ROME: Final = ZoneInfo("Europe/Rome")


def day_in_rome(moment: datetime) -> date:
    """Return the calendar day people mean."""
    return moment.astimezone(ROME).date()


def end_of(day: date) -> datetime:
    """Return the first moment after that day (UTC)."""
    return datetime.combine(day + timedelta(days=1), time(), ROME).astimezone(UTC)
