"""A fault and a theft from the first word to the new token, with whole programs (backup.md)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Player

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]

ENDS: Final = {"malfunction": "superseded", "theft": "keyCompromise"}


def _verifier(home: Path) -> bytes:
    """The PIN's public key, as only the authority may know it."""
    with closing(sqlite3.connect(home / "authority" / "authority.sqlite")) as connection:
        ((key,),) = connection.execute("SELECT pin_public_key FROM backups").fetchall()
    assert isinstance(key, bytes)
    return key


def _agents_files(home: Path) -> dict[Path, bytes]:
    authority = home / "authority"
    return {
        path: path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and not path.is_relative_to(authority)
    }


@pytest.mark.parametrize("reason", ENDS)
def test_fault_and_theft_without_folder_end_to_end(player: Player, reason: str) -> None:
    folder = player.backed_up()
    verifier = _verifier(player.person.home)
    player.pull()
    player.run("report", reason, password=player.person.password)
    pin: dict[str, Any] = {"backup_pin": player.person.backup_pin}
    player.run("backup", "activate", folder, "--reason", reason, "--wait", **pin)
    spare = player.stage.factory_token("Spare")
    player.plug(spare)
    player.run(*("token", "init", "--token", spare.serial), so_pin=spare.so_pin, new_pin=spare.pin)
    restore = ("backup", "restore", folder, "--token", spare.serial)
    player.run(*restore, pin=spare.pin, **pin)

    rows = player.run("certificates").answer["certificates"]
    assert sorted(row["state"] for row in rows) == ["active", "cancelled"]
    (ended,) = [row for row in rows if row["state"] == "cancelled"]
    assert ended["crl_reason"] == ENDS[reason]
    assert "backup_missing" in player.needs()
    again = player.run(*restore, expect=10, pin=spare.pin, **pin)
    assert "backup_restored" in again.reasons
    # PIN verifier searched in the agent's database, and in every other file of its.
    files = _agents_files(player.person.home)
    assert {"state.sqlite", "audit.log"} <= {path.name for path in files}
    for path, content in files.items():
        assert verifier not in content, path
        assert verifier.hex().encode() not in content, path
