"""Times, dates and sizes for people: dd/mm/yyyy, Europe/Rome, in both languages (domain.md)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from custode.locale.catalogue import t, tn

if TYPE_CHECKING:
    from datetime import date, tzinfo


@cache
def _rome() -> tzinfo | None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # most commands show no time

    try:
        return ZoneInfo("Europe/Rome")
    except ZoneInfoNotFoundError:  # a system without tzdata: its own local time is the best guess
        return None


def parse(moment: Any) -> datetime | None:
    """Read an RFC 3339 time; None for anything else."""
    if not isinstance(moment, str):
        return None
    try:
        read = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def local(moment: datetime) -> date:
    """Which day that is in Rome."""
    return moment.astimezone(_rome()).date()


def day(moment: Any) -> str:
    """`14/03/2028`, or nothing when there is no time."""
    read = parse(moment)
    return read.astimezone(_rome()).strftime("%d/%m/%Y") if read else ""


def minute(moment: Any) -> str:
    """`14/03/2028 09:30`, or nothing when there is no time."""
    read = parse(moment)
    return read.astimezone(_rome()).strftime("%d/%m/%Y %H:%M") if read else ""


def time_left(moment: Any, now: datetime | None = None) -> str:
    """How long until that day, by the calendar in Rome."""
    read = parse(moment)
    if read is None:
        return ""
    days = (local(read) - today(now)).days
    if days == 0:
        return t("today")
    if days > 0:
        return tn("{n} day left", "{n} days left", days)
    return tn("{n} day ago", "{n} days ago", -days)


def today(now: datetime | None = None) -> date:
    """Which day it is in Rome."""
    return local(now or datetime.now(UTC))


_STEP = 1000  # SI, as on the package of a stick


def size(number: int) -> str:
    """Bytes as `640 kB` or `1.4 GB`: rounded, with the unit people buy sticks by."""
    value = float(number)
    for unit in ("B", "kB", "MB"):
        if value < _STEP:
            return f"{value:.0f} {unit}"
        value /= _STEP
    return f"{value:.1f} GB".replace(".", t("."))
