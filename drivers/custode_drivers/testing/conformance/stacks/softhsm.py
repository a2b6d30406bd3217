"""SoftHSM 2: a token is a directory, which a rename plugs in and pulls out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from custode_drivers.api.errors import ModuleFailed
from custode_drivers.softhsm import tokens
from custode_drivers.testing.conformance.stack import Bench, Mean, Quirk, Stack, Token

SO_PIN: Final = b"87654321"
PIN: Final = b"123456"
ODD_SERIAL: Final = "n°;/ü%&'é=? 7"
"""16 bytes of UTF-8, as many as the number that SoftHSM makes up (PKCS #11 v3.1 §3.2)."""


class SoftHsmToken(Token):
    """A directory, in the drawer or in the reader."""

    pin = PIN
    so_pin = SO_PIN
    pin_is_set = False

    def __init__(self, files: tokens.TokenFiles, drawer: Path, reader: Path) -> None:
        self._files = files
        self._drawer = drawer
        self._reader = reader
        self.serial = files.serial

    def insert(self) -> None:
        self._files = tokens.move(self._files, self._reader)

    def remove(self) -> None:
        self._files = tokens.move(self._files, self._drawer)


class SoftHsmBench(Bench):
    """A token directory that is the reader, and another one that is the drawer."""

    def __init__(self, folder: Path) -> None:
        self.module = Path(tokens.find_module())
        self._drawer = folder / "drawer"
        self._reader = folder / "reader"
        configuration = tokens.write_configuration(folder / "softhsm2.conf", self._reader)
        self.environment = {"SOFTHSM2_CONF": str(configuration)}

    def token(self, label: str = "prova") -> SoftHsmToken:
        files = tokens.make_factory_token(self._drawer, label, SO_PIN, module=str(self.module))
        return SoftHsmToken(files, self._drawer, self._reader)

    def odd_token(self) -> SoftHsmToken:
        files = tokens.make_factory_token(self._drawer, "dispari", SO_PIN, module=str(self.module))
        kept = files.directory / "token.object"
        kept.write_bytes(kept.read_bytes().replace(files.serial.encode(), ODD_SERIAL.encode()))
        return SoftHsmToken(replace(files, serial=ODD_SERIAL), self._drawer, self._reader)


class SoftHsm(Stack):
    """SoftHSM 2."""

    name = "softhsm"
    title = "SoftHSM 2"
    lacks = MappingProxyType(
        {
            Mean.CUT: "its calls run in our own process: nothing can be pulled out of one",
            Mean.LOCK: "SoftHSM never locks (softhsm/SoftHSMv2#399)",
            Mean.FULL: "its tokens are folders on a disk",
        }
    )

    quirks = (
        Quirk(
            "return_unseen",
            "a token that was moved out and in again while nobody looked was never away for it: "
            "its session goes on, and the agent closes it when its watch tells of the folder",
            "softhsm/SoftHSMv2#370: it has no removal; custode_drivers.softhsm.watch",
        ),
    )

    def missing(self) -> str | None:
        try:
            tokens.find_module()
        except ModuleFailed as exc:
            return str(exc.data["why"])
        return None

    @contextmanager
    def bench(self, folder: Path) -> Iterator[Bench]:
        yield SoftHsmBench(folder)
