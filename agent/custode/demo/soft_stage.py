"""The demo on software tokens: SoftHSM's token directories, moved between a drawer and readers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from custode.demo.stage import Module, Stage, Token, new_pin
from custode.demo.telling import TOKEN
from custode.locale.catalogue import t
from custode_drivers.softhsm import tokens as softhsm

if TYPE_CHECKING:
    from pathlib import Path

    from custode.demo.stage import Person
    from custode.demo.telling import Step
    from custode_drivers.softhsm.tokens import TokenFiles

SO_PIN_LENGTH: Final = 12


@dataclass(slots=True)
class SoftToken(Token):
    """A token of SoftHSM, and where its directory is now."""

    files: TokenFiles

    @property
    def serial(self) -> str:
        return self.files.serial


def module_for(folder: Path) -> Module:
    """SoftHSM with the token directory `folder`/reader, which is watched."""
    reader = folder / "reader"
    configuration = softhsm.write_configuration(folder / "softhsm2.conf", reader)
    return Module(softhsm.find_module(), {"SOFTHSM2_CONF": str(configuration)}, str(reader))


class SoftStage(Stage):
    """Tokens of SoftHSM: fresh from C_InitToken, without a user PIN."""

    certificates_per_token = 100  # it states no limit
    tokens_lock = False  # SoftHSM counts nothing

    def __init__(self, folder: Path, *, fast: bool, lang: str) -> None:
        super().__init__(folder, fast=fast, lang=lang)
        self.drawer = folder / "drawer"

    def module_for(self, folder: Path) -> Module:
        return module_for(folder)

    def factory_token(self, label: str) -> SoftToken:
        so_pin = new_pin(SO_PIN_LENGTH)
        files = softhsm.make_factory_token(self.drawer, label, so_pin, module=softhsm.find_module())
        return SoftToken(label, so_pin, new_pin(), files)

    def give_pin(self, step: Step, person: Person, token: Token) -> None:
        row = self.token_row(step, person, token)
        step.check(t("it has no user PIN"), TOKEN, ok=not row["user_pin_initialized"])
        secret = {"so-pin": token.so_pin, "new-pin": token.pin}
        self.run(step, person, "token", "init", "--token", token.serial, secret=secret)
        row = self.token_row(step, person, token)
        step.check(t("it has a user PIN now"), TOKEN, ok=row["user_pin_initialized"])

    def put(self, person: Person, token: Token) -> None:
        self._move(token, person.reader)

    def take(self, person: Person, token: Token) -> None:
        self._move(token, self.drawer)

    def _move(self, token: Token, target: Path) -> None:
        assert isinstance(token, SoftToken)  # noqa: S101 - this stage makes no others
        token.files = softhsm.move(token.files, target)
