"""NSS's softokn3: a database in a folder, opened with NSS's own initialisation parameters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from custode_drivers.testing.conformance.stack import Bench, Mean, Quirk, Stack, Token
from custode_drivers.testing.conformance.stacks.cards import installed

SOFTOKN: Final = installed("libsoftokn3.so") or installed("nss/libsoftokn3.so")


class NssToken(Token):
    """A database without a PIN, as it is when it is opened for the first time."""

    pin = b"123456"
    pin_is_set = False

    def __init__(self, label: str) -> None:
        self.serial = label  # its number is zero, so it goes by its label

    def insert(self) -> None:
        """It is there as soon as the module is."""

    def remove(self) -> None:
        raise NotImplementedError  # Mean.REMOVAL is lacking


class NssBench(Bench):
    """A folder; the token's label is a parameter of the module."""

    def __init__(self, folder: Path, module: Path) -> None:
        self.module = module
        self._folder = folder

    def token(self, label: str = "prova") -> NssToken:
        self.init_args = " ".join(
            (
                f"configdir='sql:{_quoted(str(self._folder))}'",
                "certPrefix='' keyPrefix='' secmod='' flags=",
                f"dbTokenDescription='{_quoted(label)}'",
            )
        )
        return NssToken(label)

    def odd_token(self) -> NssToken:
        return self.token("n° 1/«2»; 3")


class Nss(Stack):
    """NSS's softokn3."""

    name = "nss"
    title = "NSS softokn3"
    lacks = MappingProxyType(
        {
            Mean.REMOVAL: "a database is a folder that the module holds open",
            Mean.CUT: "its calls run in our own process: nothing can be pulled out of one",
            Mean.SO: "NSS's security officer has no PIN, and only until there is a user PIN",
            Mean.LOCK: "NSS counts no wrong PINs",
            Mean.SECOND: "a module has one database",
            Mean.FULL: "its database is a file on a disk",
        }
    )
    quirks = (
        Quirk(
            "no_serial",
            "every database has the serial number 0: it is told from others by its label",
            "softokn3 3.87: C_GetTokenInfo",
        ),
    )

    def missing(self) -> str | None:
        return None if SOFTOKN else "softokn3 is not installed (Debian: libnss3)"

    @contextmanager
    def bench(self, folder: Path) -> Iterator[Bench]:
        assert SOFTOKN is not None
        yield NssBench(folder, SOFTOKN)


def _quoted(value: str) -> str:
    """Quote for NSS's parameters: a backslash before what would end a value."""
    return value.replace("\\", "\\\\").replace("'", "\\'")
