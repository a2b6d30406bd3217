"""OpenSC over an OpenPGP card: two slots a card, and the SO for every write."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType

from custode_drivers.testing.conformance.stack import Bench, Mean, Quirk, Stack
from custode_drivers.testing.conformance.stacks.cards import CardToken, card_bench, missing_for
from custode_drivers.testing.conformance.stacks.piv import OPENSC
from custode_drivers.testing.openpgp import OpenPgpCard, OpenPgpUnavailable, openpgp_python
from custode_drivers.testing.vpcd import VirtualReader


class OpenPgpToken(CardToken):
    """An OpenPGP card 3.4."""

    so_pin = b"12345678"

    def fill(self) -> None:
        """Nothing: of its places only one takes keys that sign behind the first PIN."""


class OpenScOpenPgp(Stack):
    """OpenSC over an OpenPGP card."""

    name = "opensc-openpgp"
    title = "OpenSC + OpenPGP card"
    lacks = MappingProxyType(
        {Mean.NAMES: "OpenSC gives an OpenPGP card its label, and its serial is a number"}
    )

    quirks = (
        Quirk(
            "names_are_fixed",
            "keys are called after their places on the card, which has no room for names",
            "OpenPGP card 3.4 §4.4; OpenSC, libopensc/pkcs15-openpgp.c",
        ),
    )

    def missing(self) -> str | None:
        try:
            openpgp_python()
        except OpenPgpUnavailable as exc:
            return str(exc)
        return missing_for(OPENSC, "opensc-pkcs11")

    @contextmanager
    def bench(self, folder: Path) -> Iterator[Bench]:
        with card_bench(OPENSC, _card) as bench:
            yield bench


def _card(ending: ExitStack, readers: tuple[VirtualReader, ...]) -> OpenPgpToken:
    card = ending.enter_context(OpenPgpCard(serial=secrets.randbits(31) + 1))
    return OpenPgpToken(card, readers)
