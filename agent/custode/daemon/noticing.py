"""What the drivers' watches report, as the domain knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from custode.domain import events
from custode.domain.commands import Announce
from custode.domain.model import Reader

if TYPE_CHECKING:
    from datetime import datetime

    from custode_drivers.api.events import Event as DriverEvent


def noticed(event: DriverEvent, now: datetime) -> events.Event | Announce:
    """Return what happened; what changes nothing that is known is only announced.

    `now` is by the agent's own clock: what a watch's thread saw may reach us behind what happened
    later, and time does not run backwards.
    """
    from custode_drivers.api.events import PlugHint, ReadersSeen, Resumed

    match event:
        case PlugHint():
            return events.PlugHinted(event.module, now)
        case ReadersSeen():
            readers = tuple(
                Reader(one.name, one.card, one.atr.hex(), one.stay) for one in event.readers
            )
            return events.ReadersSeen(event.modules, readers, event.why, now, event.moved)
        case Resumed():
            return events.ComputerWoke(now)
        case _:
            path, appeared = str(event.path), event.appeared
            return Announce("backup_folder", {"path": path, "appeared": appeared})
