"""A successor on a spare token, from end to end: two tokens, a loss, and one new original."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
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


def forget_where(player: Player) -> None:
    """As on another computer: on which token the key lies is known to nobody there."""
    with closing(sqlite3.connect(player.person.home / "state.sqlite")) as state, state:
        for key, body in state.execute("SELECT id, body FROM backups").fetchall():
            row = {**json.loads(body), "token": None, "key_id": None}
            state.execute(
                "UPDATE backups SET body = ? WHERE id = ?", (json.dumps(row).encode(), key)
            )


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

    # Somebody has to approve it first: nothing is lost by asking, and nobody stays logged in.
    player.run("agent", "stop")
    settings = player.person.home / "authority" / "authority.json"
    told = json.loads(settings.read_text("utf-8"))
    settings.write_text(json.dumps({**told, "activation_wait_s": 6}), "utf-8")
    forget_where(player)
    ran = player.run(*activate, pin=spare.pin, expect=23)
    assert ran.error["code"] == "still_generating"
    assert player.run("backup", "show", made["backup_id"]).answer["state"] == "requested"
    assert [row["state"] for row in player.run("certificates").answer["certificates"]] == [
        "suspended"
    ]

    done = player.run(*activate, "--wait", pin=spare.pin).answer
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


def test_a_second_token_is_offered_and_what_is_no_spare_refused(
    player: Player, spare: Token
) -> None:
    need = next(n for n in player.run("status").answer["needs"] if n["need"] == "backup_missing")
    assert need["text_args"]["spare"] == spare.serial
    stick = player.person.folder / "stick"
    stick.mkdir()
    pins: dict[str, Any] = {"pin": player.token.pin, "backup_pin": player.person.backup_pin}
    made = player.run("backup", "create", "--to", stick, **pins).answer
    assert [one["serial"] for one in made["spare_at_hand"]] == [spare.serial]

    words = ("backup", "create", "--on-token")
    ran = player.run(*words, player.token.serial, pin=player.token.pin, expect=31)
    assert ran.error["code"] == "spare_is_primary"
    ran = player.run(*words, spare.serial, "--to", player.person.folder, expect=2)
    assert ran.error["code"] == "usage"
    assert "or on a spare token" in ran.error["message"]
    assert player.run("backup", "create", expect=2).error["code"] == "usage"
    assert player.run(*words, "nobody", expect=11).error["code"] == "no_such_token"
    blank = player.stage.factory_token("Blank")
    player.plug(blank)
    assert player.run(*words, blank.serial, expect=31).error["code"] == "pin_not_set"

    # Each PIN is for its own token: neither is ever sent to the other one.
    ran = create(player, spare, pin=spare.pin, spare_pin=player.token.pin, expect=12)
    assert ran.error["data"]["serial"] == player.token.serial
    ran = create(player, spare, spare_pin=player.token.pin, expect=12)
    assert ran.error["data"]["serial"] == spare.serial
    row = next(r for r in player.run("token", "list").answer["tokens"] if r["label"] == "Scorta")
    assert row["public_keys"] == []
    rows = player.run("backup", "list").answer["backups"]
    assert [row["place"] for row in rows] == ["folder"]  # nothing was even reserved
    player.pull()
    assert create(player, spare, expect=11).error["code"] == "token_gone"
    assert keys_of(player, spare) == []


def keys_of(player: Player, token: Token) -> list[str]:
    rows = player.run("token", "list").answer["tokens"]
    (row,) = [row for row in rows if row["serial"] == token.serial]
    return [key["key_id"] for key in row["public_keys"]]


def test_made_void_its_key_is_destroyed_and_the_token_serves_again(
    player: Player, spare: Token
) -> None:
    csr = player.person.folder / "other.csr"
    making = ("csr", "--token", spare.serial, "--key", "p256", "--out")
    player.run(*making, csr, pin=spare.pin)  # a key of its own, from before
    (others,) = keys_of(player, spare)
    made = create(player, spare).answer
    ran = create(player, spare, expect=31)
    assert (ran.error["code"], ran.error["data"]["backup"]) == ("spare_taken", made["backup_id"])
    ran = player.run("backup", "clear", spare.serial, "--yes", pin=spare.pin, expect=1)
    assert ran.error["code"] == "nothing_to_clear"  # a key that is good is never destroyed
    ran = player.run(*making, player.person.folder / "second.csr", expect=31)
    assert ran.error["code"] == "spare_taken"  # else it became a second original
    assert set(keys_of(player, spare)) == {others, made["key_id"]}

    player.run("backup", "retire", made["backup_id"], "--yes", pin=player.token.pin)
    needs = player.needs()
    assert {"backup_missing", "spare_key_dead"} <= set(needs)
    assert states(player)[spare.serial] == "recognised"
    ran = player.run("backup", "clear", spare.serial, "--yes", pin=b"000000", expect=12)
    assert made["key_id"] in keys_of(player, spare)
    done = player.run("backup", "clear", spare.serial, "--yes", pin=spare.pin).answer
    assert (done["destroyed"], done["kept"]) == ([made["key_id"]], [])
    assert keys_of(player, spare) == [others]
    assert "spare_key_dead" not in player.needs()
    again = create(player, spare).answer
    assert again["backup_id"] != made["backup_id"]
    assert states(player)[spare.serial] == "spare"

    # A renewal ends it as it ends a folder; its key is dead at once.
    player.run("renew", pin=player.token.pin)
    rows = {
        row["backup_id"]: row["state"] for row in player.run("backup", "list").answer["backups"]
    }
    assert rows[again["backup_id"]] == "retired"
    assert "spare_key_dead" in player.needs()
