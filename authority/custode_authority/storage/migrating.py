"""Brings a database up to the revision this version knows. Alembic is loaded here and only here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import text

from custode_authority.errors import HomeUnusable
from custode_authority.storage.revisions import BASELINE, NEWEST, newer, stored
from custode_authority.storage.tables import Revision

if TYPE_CHECKING:
    from sqlalchemy import Connection

SCRIPTS: Final = Path(__file__).with_name("migrations")


def upgrade(connection: Connection) -> None:
    """Run what is missing, within the connection's transaction.

    :raises HomeUnusable: when there is nothing to bring up to date.
    :raises DatabaseNewer: when a newer version wrote it.
    """
    found = stored(connection)  # once more: another process may have been quicker
    if found == NEWEST:
        return
    config = scripts(connection)
    _require_known(config, found)
    if found == BASELINE:
        Revision.metadata.tables[Revision.__tablename__].create(connection, checkfirst=True)
        command.stamp(config, BASELINE)
    command.upgrade(config, NEWEST)
    _require_sound(connection)


def scripts(connection: Connection) -> Config:
    """Return Alembic's settings: where the scripts lie, and the connection to work on."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _require_known(config: Config, revision: str) -> None:
    try:
        ScriptDirectory.from_config(config).get_revision(revision)
    except CommandError as exc:
        raise newer(revision) from exc


def _require_sound(connection: Connection) -> None:
    """Look at every reference between tables: they were not enforced while tables were rebuilt.

    :raises HomeUnusable: when one leads nowhere; nothing was changed then.
    """
    if connection.dialect.name == "sqlite":
        broken = connection.execute(text("PRAGMA foreign_key_check")).fetchall()
        if broken:
            raise HomeUnusable(
                f"the database refers {len(broken)} times to rows that are not there"
            )
