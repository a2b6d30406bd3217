"""The demo on smart cards: virtual ones, in readers of a real pcscd, through their real modules."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from custode.demo.stage import Module, Stage, Token, new_pin
from custode.demo.telling import TOKEN
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import t
from custode_drivers.testing.openpgp import OpenPgpCard, OpenPgpUnavailable, openpgp_python
from custode_drivers.testing.pcscd import PcscDaemon, PcscUnavailable
from custode_drivers.testing.piv import PivCard

if TYPE_CHECKING:
    from collections.abc import Callable

    from custode.demo.stage import Person
    from custode.demo.telling import Step
    from custode_drivers.testing.vpcd import VirtualCard

_LIBRARIES: Final = (Path("/usr/lib"), Path("/usr/lib64"), Path("/usr/local/lib"))


@dataclass(frozen=True, slots=True)
class CardKind:
    """A make of card: which module and readers it needs, and how it comes from its maker.

    `serial` turns the number it is made with into what its module tells. `readers` are vpcd's, of
    two slots each.
    """

    library: str
    package: str
    readers: tuple[str, ...]
    make: Callable[[int], VirtualCard]
    serial: Callable[[int], str]
    pin: bytes
    so_pin: bytes
    certificates: int


def _piv(number: int) -> VirtualCard:
    return PivCard(serial=number)


def _openpgp(number: int) -> VirtualCard:
    return OpenPgpCard(serial=number)


# PINs are those that every card of the make has on the day it is sold.
KINDS: Final[Mapping[str, CardKind]] = MappingProxyType(
    {
        "piv": CardKind(
            library="libykcs11.so*",
            package="ykcs11",
            readers=("Yubico YubiKey CCID",),  # ykcs11 speaks to readers of its own maker only
            make=_piv,
            serial=str,
            pin=b"123456",
            so_pin=b"010203040506070801020304050607080102030405060708",
            certificates=4,
        ),
        "openpgp": CardKind(
            library="opensc-pkcs11.so",
            package="opensc-pkcs11",
            readers=("Virtual PCD A", "Virtual PCD B"),
            make=_openpgp,
            serial=lambda number: f"fffe{number:08x}",
            pin=b"123456",
            so_pin=b"12345678",
            certificates=1,  # OpenSC writes the certificate of its third key only
        ),
    }
)


@dataclass(slots=True)
class CardToken(Token):
    """A card, wherever it is now."""

    card: VirtualCard
    number: str

    @property
    def serial(self) -> str:
        return self.number

    def writing(self) -> dict[str, bytes]:
        return {**self.secrets(), "so-pin": self.so_pin}


class CardStage(Stage):
    """Cards as they are sold, with the PIN that everybody knows."""

    def __init__(self, folder: Path, kind: CardKind, *, fast: bool, lang: str) -> None:
        """Start a pcscd of its own.

        :raises CustodeError: PART_MISSING where pcscd, its virtual readers, the card's module or
            the card itself are missing
        """
        super().__init__(folder, fast=fast, lang=lang)
        self.tokens_lock = True
        self.certificates_per_token = kind.certificates
        self._kind = kind
        self._library = _library(kind)
        self._made = 0
        self._ends = contextlib.ExitStack()
        try:
            if kind.make is _openpgp:
                openpgp_python()
            self._pcscd = self._ends.enter_context(PcscDaemon(kind.readers))
        except (OpenPgpUnavailable, PcscUnavailable) as exc:
            raise CustodeError(ErrorCode.PART_MISSING, why=str(exc)) from exc

    def module_for(self, folder: Path) -> Module:
        del folder
        return Module(self._library, {}, "pcsc", self._pcscd.environment)

    def factory_token(self, label: str) -> CardToken:
        self._made += 1
        card = self._kind.make(self._made)
        if isinstance(card, OpenPgpCard):
            self._ends.callback(card.close)
        return CardToken(
            label, self._kind.so_pin, new_pin(), card, number=self._kind.serial(self._made)
        )

    def give_pin(self, step: Step, person: Person, token: Token) -> None:
        words = ("token", "pin", "change", "--token", token.serial)
        secret = {"pin": self._kind.pin, "new-pin": token.pin}
        self.run(step, person, *words, secret=secret)
        ran = self.run(step, person, *words, secret=secret, expect=None)
        step.check(
            t("its maker's PIN serves no more"),
            TOKEN,
            ok=ran.error["code"] == "pin_incorrect",
            why=str(ran.error),
        )

    def put(self, person: Person, token: Token) -> None:
        del person  # all cards of the demo share one computer's readers
        free = next(reader for reader in self._pcscd.readers if reader.card is None)
        free.insert(_card(token))

    def take(self, person: Person, token: Token) -> None:
        del person
        card = _card(token)
        next(reader for reader in self._pcscd.readers if reader.card is card).remove()

    def close(self) -> list[int]:
        left = super().close()
        self._ends.close()
        return left


def _card(token: Token) -> VirtualCard:
    assert isinstance(token, CardToken)  # noqa: S101 - this stage makes no others
    return token.card


def _library(kind: CardKind) -> str:
    for place in _LIBRARIES:
        for pattern in (kind.library, f"*/{kind.library}"):
            for path in sorted(place.glob(pattern)):
                return str(path)
    raise CustodeError(ErrorCode.PART_MISSING, why=f"{kind.library} (Debian: {kind.package})")
