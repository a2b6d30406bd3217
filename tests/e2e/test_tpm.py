"""The whole way on a TPM, which nobody can pull out, and from there onto NSS's database."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from custode.demo.stage import Ran
from custode_drivers.testing.conformance.stacks.nss import Nss
from custode_drivers.testing.conformance.stacks.tpm import PIN, SO_PIN, Tpm

from .conftest import Player
from .shelf import add_module, desk_of

pytestmark = pytest.mark.e2e
NAME, OTHER = "Custode", "Il mio NSS"


def certified(player: Player) -> None:
    """Give the TPM its PIN, and a key with its certificate."""
    person = player.person
    (row,) = player.run("token", "list").answer["tokens"][:1]
    assert not row["removable"]
    this = row["serial"]
    made = player.run("token", "init", "--token", this, so_pin=SO_PIN, new_pin=PIN).answer
    assert made == {"serial": NAME, "label": NAME}  # it has neither number nor name of its own
    who = ("--code", person.code, "--codice-fiscale", person.codice_fiscale)
    player.run("identity", "set", *who, password=person.password)
    csr = person.folder / "tpm.csr"
    player.run("csr", "--token", NAME, "--key", "p256", "--out", csr, pin=PIN)
    judge = ["openssl", "req", "-verify", "-noout", "-in", str(csr)]
    judged = subprocess.run(judge, capture_output=True, check=True)
    assert b"verify OK" in judged.stdout + judged.stderr
    player.run("request", "--csr", csr, "--wait")
    assert player.run("install", pin=PIN).answer["token"] == NAME


def backed_up(player: Player) -> Path:
    stick = player.person.folder / "stick"
    stick.mkdir()
    words = ("backup", "create", "--to", stick)
    made = player.run(*words, pin=PIN, backup_pin=player.person.backup_pin).answer
    return Path(made["path"])


def test_a_cancelled_original_that_cannot_leave_does_not_block(
    player: Player, tmp_path: Path
) -> None:
    person = player.person
    backup_pin: dict[str, Any] = {"backup_pin": person.backup_pin}
    with desk_of(Tpm(), tmp_path) as tpm, desk_of(Nss(), tmp_path) as nss:
        nss.bench.token(OTHER)
        add_module(person, tpm.bench)
        add_module(person, nss.bench)
        certified(player)
        folder = backed_up(player)

        def opened(expect: int) -> Ran:
            return player.run("backup", "open", folder, expect=expect, **backup_pin)

        assert opened(10).reasons == ["original_present", "original_active", "no_grant"]
        player.run("report", "malfunction", password=person.password)
        why = ("--reason", "malfunction", "--wait")
        player.run("backup", "activate", folder, *why, **backup_pin)
        assert opened(0).answer["proved"]

        # It has no SO PIN, and none is asked for.
        new = b"27182818"
        made = player.run("token", "init", "--token", OTHER, new_pin=new).answer
        assert made == {"serial": OTHER, "label": OTHER}
        onto = ("--token", OTHER)
        done = player.run("backup", "restore", folder, *onto, pin=new, **backup_pin).answer
        states = {row["serial"]: row["state"] for row in player.run("status").answer["tokens"]}
        assert states == {NAME: "retired", OTHER: "primary"}
        player.run("agent", "stop")

        nss.take(nss.bench.token(OTHER))
        (key,) = nss.login(new)
        assert key["key_id"] == done["key_id"]
        nss.check(key)
