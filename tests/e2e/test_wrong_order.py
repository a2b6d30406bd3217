"""Commands in the wrong order, wrong secrets, tokens that come and go: clear ends, nothing lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .conftest import Player

pytestmark = pytest.mark.e2e


def test_before_anything_is_set_up(player: Player, tmp_path: Path) -> None:
    """Each command says what is missing; none of them leaves anything."""
    out = tmp_path / "x.csr"
    table: list[tuple[list[str], str, int]] = [
        (["csr", "--out", str(out)], "no_identity", 1),
        (["request"], "no_identity", 1),
        (["install"], "no_identity", 1),
        (["certificates"], "no_identity", 1),
        (["report", "lost"], "no_identity", 1),
        (["cancel", "1", "--reason", "other", "--yes"], "no_identity", 1),
        (["backup", "list"], "no_identity", 1),
        (["token", "init"], "no_such_token", 11),
        (["identity", "show"], "no_identity", 1),
        (
            ["identity", "set", "--code", "AB12", "--codice-fiscale", "VRDCRL85C45L219Z"],
            "codice_fiscale_invalid",
            2,
        ),
    ]
    for words, code, _exit in table:
        ran = player.run(*words, expect=None)
        assert ran.error["code"] == code, words
        assert ran.exit == ran.error["exit"] != 0, words
    assert not out.exists()
    assert player.needs() == ["identity_missing"]


def test_pins_and_names(player: Player, tmp_path: Path) -> None:
    player.initialised()
    token = player.token
    wrong = bytes(reversed(token.pin)) + b"0"
    out = tmp_path / "x.csr"

    ran = player.run("csr", "--out", out, pin=wrong, expect=12)
    assert ran.error["code"] == "pin_incorrect"
    ran = player.run("csr", "--out", out, pin=b"1", expect=None)
    assert ran.error["code"] == "pin_length"
    ran = player.run("csr", "--token", "nobody", "--out", out, pin=token.pin, expect=11)
    assert ran.error["code"] == "no_such_token"
    assert not out.exists()

    ran = player.run("token", "init", expect=None, so_pin=token.so_pin, new_pin=token.pin)
    assert ran.error["code"] == "already_initialized"
    ran = player.run(
        *("identity", "set", "--code", "ALTRO04", "--codice-fiscale", "LTRLTR85C45L219B"),
        expect=None,
    )
    assert ran.error["code"] == "identity_exists"

    player.run("csr", "--key", "p256", "--out", out, pin=token.pin)
    ran = player.run("csr", "--key", "p256", "--out", out, pin=token.pin, expect=None)
    assert ran.error["code"] == "file_exists"


def test_backups_that_are_refused(player: Player, tmp_path: Path) -> None:
    """Nothing is written for a backup that cannot be made, and the token stays usable."""
    player.certified()
    person, token = player.person, player.token
    stick = tmp_path / "stick"
    stick.mkdir()
    create = ("backup", "create", "--to", stick)

    ran = player.run(*create, pin=token.pin, backup_pin=token.pin, expect=None)
    assert ran.error["code"] == "pin_equal"
    ran = player.run(*create, pin=token.pin, backup_pin=b"short", expect=None)
    assert ran.error["code"] == "backup_pin_weak"
    telling = tmp_path / "mine.txt"
    telling.write_text(f"CF {person.codice_fiscale}")
    secrets = {"pin": token.pin, "backup_pin": person.backup_pin}
    ran = player.run(*create, "--include", telling, expect=None, **secrets)
    assert ran.error["code"] == "include_refused"
    ran = player.run("backup", "create", "--to", tmp_path / "gone", expect=None, **secrets)
    assert ran.error["code"] == "file_missing"
    player.pull()
    ran = player.run(*create, expect=11, **secrets)
    assert ran.error["code"] == "token_gone"

    assert list(stick.iterdir()) == []
    assert "backup_missing" in player.needs()


def test_a_backup_cannot_be_used_too_early_or_by_another(player: Player, tmp_path: Path) -> None:
    folder = player.backed_up()
    pin = {"backup_pin": player.person.backup_pin}

    ran = player.run("backup", "activate", folder, "--reason", "lost", expect=10, **pin)
    assert set(ran.reasons) == {"original_present", "original_active"}
    spare = player.stage.factory_token("Spare")
    player.plug(spare)
    player.run(*("token", "init", "--token", spare.serial), so_pin=spare.so_pin, new_pin=spare.pin)
    ran = player.run(
        *("backup", "restore", folder, "--token", spare.serial),
        expect=10,
        pin=spare.pin,
        **pin,
    )
    assert {"original_present", "original_active", "no_grant"} <= set(ran.reasons)

    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    container = damaged / "iw.iwk"
    content = bytearray(container.read_bytes())
    content[len(content) // 2] ^= 1
    container.write_bytes(content)
    ran = player.run("backup", "verify", damaged, expect=30)
    assert ran.error["code"] == "container_invalid"
    assert player.run("backup", "verify", tmp_path, expect=30).error["code"] == "not_a_backup"

    other = player.stage.person("dario", "NERI0004", "NREDRA70D15A944Z")
    stranger = Player(player.stage, other, player.stage.factory_token("Dario"))
    stranger.initialised()
    assert stranger.run("backup", "open", folder, expect=30, **pin).error["code"] == (
        "backup_of_another"
    )
    assert player.run("backup", "verify", folder).answer["registered"] is True


def test_wrong_backup_pins_are_counted_and_lock_it(player: Player) -> None:
    folder = player.backed_up()
    player.pull()
    ran = player.run("report", "lost", password=b"not the password", expect=22)
    assert player.run("certificates").answer["certificates"][0]["state"] == "active"
    player.run("report", "malfunction", password=player.person.password)
    activate = ("backup", "activate", folder, "--reason", "malfunction", "--wait")
    ran = player.run(*activate, backup_pin=b"short", expect=12)
    assert ran.error["code"] == "backup_pin_unlike"  # and that was no try
    for left in (4, 3, 2, 1):
        ran = player.run(*activate, backup_pin=b"not the PIN", expect=12)
        assert ran.error["data"]["tries_remaining"] == left
    ran = player.run(*activate, backup_pin=b"not the PIN", expect=13)
    ran = player.run(*activate, backup_pin=player.person.backup_pin, expect=10)
    assert ran.reasons == ["backup_locked"]


def test_theft_cancels_at_once_and_a_stolen_folder_is_dead(player: Player) -> None:
    folder = player.backed_up()
    player.pull()
    told = player.run(
        "report", "theft", "--backup-stolen-too", password=player.person.password
    ).answer
    assert (told["state"], len(told["retired_backups"])) == ("cancelled", 1)
    pin = {"backup_pin": player.person.backup_pin}
    ran = player.run("backup", "activate", folder, "--reason", "theft", expect=10, **pin)
    assert ran.reasons == ["backup_retired"]


def test_what_came_out_of_a_stolen_folder_ends_with_it(player: Player) -> None:
    """Collected, on no token yet: whoever has the folder may be the one who collected it."""
    folder = player.backed_up()
    player.pull()
    password, backup_pin = player.person.password, player.person.backup_pin
    player.run("report", "malfunction", password=password)
    activate = ("backup", "activate", folder, "--reason", "malfunction", "--wait")
    player.run(*activate, backup_pin=backup_pin)
    ran = player.run("report", "theft", "--backup-stolen-too", password=password).answer
    assert (len(ran["retired_backups"]), len(ran["cancelled_successors"])) == (1, 1)
    rows = player.run("certificates").answer["certificates"]
    assert {(row["state"], row["crl_reason"]) for row in rows} == {("cancelled", "keyCompromise")}
    ran = player.run("backup", "open", folder, expect=10, backup_pin=backup_pin)
    assert "backup_retired" in ran.reasons


def test_a_retired_backup_stays_dead_and_the_original_stays(player: Player) -> None:
    folder = player.backed_up()
    backup = player.run("backup", "list").answer["backups"][0]["backup_id"]
    player.run("backup", "retire", backup, "--yes", pin=player.token.pin)
    assert "backup_missing" in player.needs()
    ran = player.run("backup", "open", folder, expect=10)
    assert "backup_retired" in ran.reasons
    assert player.run("certificates").answer["certificates"][0]["state"] == "active"
