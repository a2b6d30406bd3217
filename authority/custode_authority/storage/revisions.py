"""Which revision of the tables a database has, told without loading what would change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import inspect, select

from custode_authority.errors import DatabaseNewer, HomeUnusable
from custode_authority.storage.tables import Revision, Setting

if TYPE_CHECKING:
    from sqlalchemy import Connection

BASELINE: Final = "0001"  # what had no revision yet is taken for this one
NEWEST: Final = "0003"


def stored(connection: Connection) -> str:
    """Return the revision of a database.

    :raises HomeUnusable: when it holds no authority.
    """
    names = set(inspect(connection).get_table_names())
    if Revision.__tablename__ in names:
        found: str | None = connection.scalar(select(Revision.version_num))
        if found is not None:
            return found
    elif Setting.__tablename__ in names:
        return BASELINE
    raise HomeUnusable("the database holds no authority")


def newer(revision: str) -> DatabaseNewer:
    """Return the refusal of a database whose revision is unknown here."""
    return DatabaseNewer(found=revision, newest=NEWEST)
