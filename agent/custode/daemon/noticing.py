"""What the drivers' watches report, as the domain knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from custode.domain import events
from custode.domain.commands import Announce
from custode.domain.model import Reader

if TYPE_CHECKING:
    from custode_drivers.api.events import Event as DriverEvent


def noticed(event: DriverEvent) -> events.Event | Announce:
    """Return what happened; what changes nothing that is known is only announced."""
    from custode_drivers.api.events import PlugHint, ReadersSeen, Resumed

    match event:
        case PlugHint():
            return events.PlugHinted(event.module, event.at)
        case ReadersSeen():
            readers = tuple(
                Reader(one.name, one.card, one.atr.hex(), one.stay) for one in event.readers
            )
            return events.ReadersSeen(event.modules, readers, event.why, event.at, event.moved)
        case Resumed():
            return events.ComputerWoke(event.at)
        case _:
            path, appeared = str(event.path), event.appeared
            return Announce("backup_folder", {"path": path, "appeared": appeared})
