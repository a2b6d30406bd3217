"""An opened authority: what every procedure at the counter is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from custode_authority.ca import keys
from custode_authority.clock import SystemClock
from custode_authority.storage.database import Database

if TYPE_CHECKING:
    from custode_authority.ca.home import Home, Settings
    from custode_authority.ca.keys import Keys
    from custode_authority.clock import Clock


@dataclass(frozen=True, slots=True)
class Authority:
    """Settings, database, clock and unlocked keys of one authority."""

    home: Home
    settings: Settings
    db: Database
    clock: Clock
    keys: Keys


def open_authority(home: Home, clock: Clock | None = None) -> Authority:
    """Open the authority of a folder that `init` made; an older database is brought up to date.

    :raises HomeUnusable: when there is none, or its keys do not open.
    :raises DatabaseNewer: when a newer version wrote the database.
    """
    settings = home.settings()
    unlocked = keys.unlock(home)
    db = Database(home.database_url)
    db.migrate()
    return Authority(
        home=home, settings=settings, db=db, clock=clock or SystemClock(), keys=unlocked
    )
