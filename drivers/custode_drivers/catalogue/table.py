"""The catalogue as it lies beside this file: modules that are known, and cards by their ATR.

Read when it is needed and not kept: a card comes seldom, and the agent is small.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Final

import msgspec

from custode_drivers.catalogue.atr import AtrMask

_MODULES: Final = "modules.toml"
_CARDS: Final = "cards.toml"


class Kind(StrEnum):
    """What a module's tokens are."""

    CARD = "card"
    FIXED = "fixed"
    NONE = "none"


class ModuleRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A `[[module]]` of modules.toml; what its fields mean is said there."""

    id: str
    title: str
    kind: Kind
    files: tuple[str, ...]
    source: str
    tested: str
    when: tuple[str, ...] = ()
    package: str = ""
    get: str = ""
    any: bool = False


class CardRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A `[[card]]` of cards.toml; what its fields mean is said there."""

    name: str
    atr: str
    modules: tuple[str, ...]
    source: str
    tested: str
    mask: str = ""

    @property
    def shape(self) -> AtrMask:
        return AtrMask.parse(self.atr, self.mask)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Modules by their id, and cards in the order in which they are asked."""

    modules: dict[str, ModuleRow]
    cards: tuple[CardRow, ...]

    def matching(self, atr: bytes) -> Iterator[CardRow]:
        """Rows that fit an ATR, the first one first."""
        return (row for row in self.cards if row.shape.fits(atr))


def catalogue() -> Catalogue:
    """Read both files."""
    modules = msgspec.convert(_read(_MODULES)["module"], tuple[ModuleRow, ...])
    cards = msgspec.convert(_read(_CARDS)["card"], tuple[CardRow, ...])
    return Catalogue({row.id: row for row in modules}, cards)


def _read(name: str) -> dict[str, object]:
    return tomllib.loads(files(__package__).joinpath(name).read_text("utf-8"))
