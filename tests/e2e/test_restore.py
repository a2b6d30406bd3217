"""A backup comes to life on a token of every stack that can take a key, and on no other.

SoftHSM is not among them: `custode demo` restores onto it (test_demo.py).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from custode.demo.soft_stage import SoftStage
from custode.demo.stage import Person
from custode_drivers.testing.conformance.stack import Stack
from custode_drivers.testing.conformance.stacks.nss import Nss
from custode_drivers.testing.conformance.stacks.openpgp import OpenScOpenPgp
from custode_drivers.testing.conformance.stacks.p11kit import P11KitProxy
from custode_drivers.testing.conformance.stacks.piv import Ykcs11
from custode_drivers.testing.conformance.stacks.tpm import Tpm

from .conftest import Player
from .shelf import add_module, desk_of, run_as_wanted

pytestmark = pytest.mark.e2e
STACKS = (Ykcs11(), OpenScOpenPgp(), Nss(), P11KitProxy())


@dataclass(frozen=True)
class Activated:
    """A person whose original is lost and whose backup is activated; no agent runs."""

    person: Person
    backup: Path


@pytest.fixture(scope="module")
def activated() -> Iterator[Activated]:
    folder = Path(tempfile.mkdtemp(prefix="custode-test-"))
    stage = SoftStage(folder, fast=True, lang="en")
    try:
        person = stage.person("carla", "VERDI03", "VRDCRL85C45L219J")
        player = Player(stage, person, stage.factory_token("Carla"))
        player.certified("rsa2048")
        backup = player.backup("stick")
        player.pull()
        player.run("report", "lost", password=person.password)
        words = ("backup", "activate", backup, "--reason", "lost", "--wait")
        player.run(*words, backup_pin=person.backup_pin)
        assert not stage.close()
        yield Activated(person, backup.relative_to(person.folder))
    finally:
        stage.close()
        shutil.rmtree(folder)


@pytest.fixture
def player(activated: Activated) -> Iterator[Player]:
    """That person once more, in a home of their own."""
    folder = Path(tempfile.mkdtemp(prefix="custode-test-"))
    folder.chmod(0o711)  # for a stack whose programs run as another user
    stage = SoftStage(folder, fast=True, lang="en")
    ignored = shutil.ignore_patterns("*.sock")
    shutil.copytree(activated.person.folder, folder / "carla", ignore=ignored)
    module = stage.module_for(folder / "carla")
    person = replace(activated.person, folder=folder / "carla", module=module)
    person.configure(autostart=True)
    stage.people.append(person)
    try:
        yield Player(stage, person, stage.factory_token("Nuova"))
    finally:
        left = stage.close()
        shutil.rmtree(folder)
    assert not left, f"processes left behind: {left}"


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name)
def test_a_backup_comes_to_life(
    activated: Activated,
    player: Player,
    stack: Stack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person = player.person
    with desk_of(stack, tmp_path) as desk:
        desk.take(desk.bench.token("nuova"))
        desk.worker.close()
        add_module(person, desk.bench)
        run_as_wanted(person, desk.bench, monkeypatch)
        words = ("backup", "restore", person.folder / activated.backup)
        secrets: dict[str, Any] = {"pin": desk.token.pin, "backup_pin": person.backup_pin}
        if desk.token.so_pin is not None:
            secrets["so_pin"] = desk.token.so_pin
        done = player.run(*words, "--token", desk.who["serial"], **secrets).answer
        player.run("agent", "stop")

        (key,) = [key for key in desk.login() if key["key_id"] == done["key_id"]]
        desk.check(key)
        kek = bytes(32)
        kept = desk.refused(lambda: desk.work("wrap_key", kek, key_id=key["key_id"]))
        assert (kept.code, kept.data["capability"]) in {
            ("not_supported", "copyable_key"),
            ("not_supported", "wrap_key"),
        }


def test_a_token_that_takes_no_key_costs_nothing(
    activated: Activated, player: Player, tmp_path: Path
) -> None:
    """It is told, and the backup comes to life on another one."""
    person = player.person
    with desk_of(Tpm(), tmp_path) as desk:
        desk.take(desk.bench.token("TPM"))
        desk.worker.close()
        add_module(person, desk.bench)
        words = ("backup", "restore", person.folder / activated.backup, "--token")
        secrets: dict[str, Any] = {"pin": desk.token.pin, "backup_pin": person.backup_pin}
        ran = player.run(*words, "TPM", expect=31, **secrets)
        assert ran.error["data"]["capability"] == "import_key"
        player.plug()
        secrets = {"so_pin": player.token.so_pin, "new_pin": player.token.pin}
        player.run("token", "init", "--token", player.token.serial, **secrets)
        secrets = {"pin": player.token.pin, "backup_pin": person.backup_pin}
        done = player.run(*words, player.token.serial, **secrets).answer
        assert done["token"] == player.token.serial
        player.run("agent", "stop")
        assert desk.row()["public_keys"] == []
