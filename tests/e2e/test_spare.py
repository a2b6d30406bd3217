"""A successor on a spare token, from end to end: two tokens, a loss, and one new original."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from custode.demo.stage import Ran, Token, der

from .conftest import Player

pytestmark = pytest.mark.e2e


@pytest.fixture
def spare(player: Player) -> Token:
    """A second token with a PIN of its own, plugged in beside the original, which is certified."""
    player.certified()
    return with_pin(player, "Scorta")


def with_pin(player: Player, label: str) -> Token:
    token = player.stage.factory_token(label)
    player.plug(token)
    secrets: dict[str, Any] = {"so_pin": token.so_pin, "new_pin": token.pin}
    player.run("token", "init", "--token", token.serial, **secrets)
    return token


def create(player: Player, spare: Token, *, expect: int | None = 0, **other: bytes) -> Ran:
    secrets: dict[str, Any] = {"pin": player.token.pin, "spare_pin": spare.pin, **other}
    return player.run("backup", "create", "--on-token", spare.serial, expect=expect, **secrets)


def states(player: Player) -> dict[str, str]:
    rows = player.run("token", "list").answer["tokens"]
    return {row["serial"]: row["state"] for row in rows}


def test_lost_and_the_spare_takes_its_place(player: Player, spare: Token) -> None:
    assert "backup_missing" in player.needs()
    made = create(player, spare).answer
    assert (made["kind"], made["place"], made["token"]) == ("successor", "token", spare.serial)
    assert "backup_missing" not in player.needs()
    assert states(player) == {player.token.serial: "primary", spare.serial: "spare"}
    (row,) = player.run("backup", "list").answer["backups"]
    assert (row["kind"], row["state"], row["token"]) == ("successor", "registered", spare.serial)
    shown = player.run("backup", "show", made["backup_id"]).answer
    assert (shown["label"], shown["gate"]["allowed"]) == ("Scorta", False)
    for command in ("open", "verify"):
        ran = player.run("backup", command, made["backup_id"], expect=31)
        assert ran.error["code"] == "backup_on_token"
    words = ("backup", "restore", made["backup_id"], "--token", spare.serial)
    assert player.run(*words, expect=31).error["code"] == "backup_on_token"

    activate = ("backup", "activate", "--on-token", spare.serial, "--reason", "lost")
    ran = player.run(*activate, pin=spare.pin, expect=10)
    assert {"original_present", "original_active"} <= set(ran.reasons)
    player.pull()
    ran = player.run(*activate, pin=spare.pin, expect=10)
    assert set(ran.reasons) == {"original_active"}
    player.run("report", "lost", password=player.person.password)
    player.plug()
    assert player.run(*activate, pin=spare.pin, expect=10).reasons == ["original_present"]
    player.pull()
    assert player.run(*activate, pin=b"000000", expect=12).error["code"] == "pin_incorrect"

    done = player.run(*activate, pin=spare.pin).answer
    assert done["state"] == "restored"
    assert hashlib.sha256(der(done, "certificate")).hexdigest() == done["successor_sha256"]
    rows = player.run("certificates").answer["certificates"]
    assert sorted((row["state"], row["installed"]) for row in rows) == [
        ("active", True),
        ("cancelled", True),
    ]
    assert states(player) == {player.token.serial: "retired", spare.serial: "primary"}
    assert "backup_missing" in player.needs()
    ran = player.run("backup", "activate", made["backup_id"], "--reason", "lost", expect=10)
    assert "backup_restored" in ran.reasons
    stick = player.person.folder / "stick"
    stick.mkdir()
    player.run("backup", "create", "--to", stick, pin=spare.pin, backup_pin=b"another one")
