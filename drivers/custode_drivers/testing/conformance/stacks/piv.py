"""A PIV card: through its maker's ykcs11, which makes keys, and through OpenSC, which signs."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from custode_drivers.testing.conformance.certificates import certificate_for, spki
from custode_drivers.testing.conformance.stack import Bench, Mean, Quirk, Stack
from custode_drivers.testing.conformance.stacks.cards import (
    CardToken,
    card_bench,
    installed,
    missing_for,
)
from custode_drivers.testing.piv import AUTHENTICATION, KEY_SLOTS, PivCard
from custode_drivers.testing.piv_keys import Algorithm, Key, PinPolicy, generate
from custode_drivers.testing.vpcd import VirtualReader

YKCS11: Final = installed("libykcs11.so*")
OPENSC: Final = installed("opensc-pkcs11.so")
_MANAGEMENT_KEY: Final = b"0102030405060708" * 3
_PUK: Final = b"12345678"
_NAMES = "a PIV card has no label of its own, and its serial is a number"


class PivToken(CardToken):
    """A card as its maker sells it."""

    def __init__(
        self, readers: tuple[VirtualReader, ...], *, so_pin: bytes | None, puk: bytes | None
    ) -> None:
        self.piv: Final = PivCard(serial=secrets.randbelow(90_000_000) + 10_000_000)
        super().__init__(self.piv, readers)
        self.so_pin = so_pin
        self.puk = puk

    def fill(self) -> None:
        for slot in KEY_SLOTS:
            self.piv.keys.setdefault(slot, _issued()[0])


class Ykcs11(Stack):
    """ykcs11 over a PIV card."""

    name = "ykcs11"
    title = "ykcs11 + PIV card"
    lacks = MappingProxyType({Mean.NAMES: _NAMES})
    quirks = (
        Quirk(
            "names_are_fixed",
            "keys and certificates are called after their places on the card",
            "Yubico, YKCS11, “Key Alias per Slot and Object Type”",
        ),
    )

    def missing(self) -> str | None:
        return missing_for(YKCS11, "ykcs11")

    @contextmanager
    def bench(self, folder: Path) -> Iterator[Bench]:
        with card_bench(YKCS11, _new_card) as bench:
            yield bench


class OpenScPiv(Stack):
    """OpenSC over a PIV card that came with its key and certificate."""

    name = "opensc-piv"
    title = "OpenSC + PIV card"
    quirks = (
        Quirk(
            "cut_locks_up",
            "a card that is pulled out while it is asked for its PIN's counter may have OpenSC "
            "wait for its own lock for ever; the agent ends such a worker and starts another",
            "OpenSC/OpenSC#2707, with 0.23: sc_unlock in sc_pkcs15_get_pin_info",
        ),
    )
    lacks = MappingProxyType(
        {
            Mean.NAMES: _NAMES,
            Mean.SO: "OpenSC knows no security officer of a PIV card",
        }
    )

    def missing(self) -> str | None:
        return missing_for(OPENSC, "opensc-pkcs11")

    @contextmanager
    def bench(self, folder: Path) -> Iterator[Bench]:
        with card_bench(OPENSC, _issued_card) as bench:
            yield bench


def _new_card(ending: ExitStack, readers: tuple[VirtualReader, ...]) -> PivToken:
    return PivToken(readers, so_pin=_MANAGEMENT_KEY, puk=None)


def _issued_card(ending: ExitStack, readers: tuple[VirtualReader, ...]) -> PivToken:
    token = PivToken(readers, so_pin=None, puk=_PUK)
    key, certificate = _issued()
    token.piv.install(AUTHENTICATION, key, certificate)
    return token


@functools.cache
def _issued() -> tuple[Key, bytes]:
    """Make a key and its certificate, one for all cards of this process: RSA takes its time."""
    key = generate(Algorithm.RSA_2048, PinPolicy.ONCE)
    return key, certificate_for(spki(key.private.public_key()))
