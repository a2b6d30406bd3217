"""A stage for end-to-end tests: real agent, real SoftHSM, real authority, real commands."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from custode.demo.card_stage import KINDS, CardStage
from custode.demo.soft_stage import SoftStage
from custode.demo.stage import Person, Ran, Stage, Token
from custode.demo.telling import Step
from custode.errors import CustodeError


@dataclass
class Player:
    """A person of the stage, as tests use one: commands without a story around them."""

    stage: Stage
    person: Person
    token: Token

    def run(self, *words: str | Path, expect: int | None = 0, **secret: bytes) -> Ran:
        """Run `custode …`; `backup_pin=b"…"` is given as `--backup-pin-source fd:N`."""
        named = {name.replace("_", "-"): value for name, value in secret.items()}
        quiet = Step(0, "", quiet=True)
        return self.stage.run(quiet, self.person, *words, secret=named, expect=expect)

    def plug(self, token: Token | None = None) -> None:
        self.stage.plug(self.person, token or self.token)

    def pull(self, token: Token | None = None) -> None:
        self.stage.pull(self.person, token or self.token)

    def initialised(self) -> None:
        """The token is in, has its PIN, and the identity is set."""
        self.run("status")
        self.plug()
        secrets: dict[str, Any] = {"so_pin": self.token.so_pin, "new_pin": self.token.pin}
        self.run("token", "init", "--token", self.token.serial, **secrets)
        self.run(
            *("identity", "set", "--code", self.person.code),
            *("--codice-fiscale", self.person.codice_fiscale),
            password=self.person.password,
        )

    def certified(self, key: str = "p256") -> None:
        """…and its certificate is installed."""
        self.initialised()
        csr = self.person.folder / "first.csr"
        self.run("csr", "--key", key, "--out", csr, pin=self.token.pin)
        self.run("request", "--csr", csr, "--wait")
        self.run("install", pin=self.token.pin)

    def backed_up(self) -> Path:
        """…and there is a backup of it; its folder."""
        self.certified()
        return self.backup("stick")

    def backup(self, name: str) -> Path:
        """Make a backup in a new folder of that name."""
        stick = self.person.folder / name
        stick.mkdir()
        secrets: dict[str, Any] = {"pin": self.token.pin, "backup_pin": self.person.backup_pin}
        made = self.run("backup", "create", "--to", stick, **secrets).answer
        return Path(made["path"])

    def needs(self) -> list[str]:
        return [need["need"] for need in self.run("status").answer["needs"]]


@pytest.fixture
def stage() -> Iterator[Stage]:
    # Not tmp_path: a socket's path is at most 107 bytes, and these tests want the ordinary place.
    folder = Path(tempfile.mkdtemp(prefix="custode-test-"))
    stage = SoftStage(folder, fast=True, lang="en")
    try:
        yield stage
    finally:
        left = stage.close()
        shutil.rmtree(folder)
    assert not left, f"processes left behind: {left}"


@pytest.fixture
def player(stage: Stage) -> Player:
    """A person with a factory-fresh token in the drawer."""
    person = stage.person("carla", "VERDI03", "VRDCRL85C45L219J")
    return Player(stage, person, stage.factory_token("Carla"))


@contextmanager
def with_card(kind: str, stage_type: type[CardStage] = CardStage) -> Iterator[Player]:
    """A person with a card as it is sold, in the reader."""
    folder = Path(tempfile.mkdtemp(prefix="custode-test-"))
    try:
        stage = stage_type(folder, KINDS[kind], fast=True, lang="en")
    except CustodeError as missing:
        shutil.rmtree(folder)
        pytest.skip(missing.message)
    try:
        token = stage.factory_token("Carla")
        token.pin = KINDS[kind].pin
        player = Player(stage, stage.person("carla", "VERDI03", "VRDCRL85C45L219J"), token)
        player.run("status")
        player.plug()
        yield player
    finally:
        left = stage.close()
        shutil.rmtree(folder)
    assert not left, f"processes left behind: {left}"
