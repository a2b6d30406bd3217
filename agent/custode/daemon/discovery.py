"""Looks up which modules there are for a card: its ATR, the catalogue, what is installed, p11-kit.

It gathers; who is asked, and in which order, `domain/discovery.py` decides. Nothing is started.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from custode.daemon.config import BY_NOBODY, ModuleSettings
from custode.domain import events
from custode.domain.cards import Offer, Why
from custode_drivers.catalogue import installed, p11kit, table
from custode_drivers.catalogue.atr import AtrMask

if TYPE_CHECKING:
    from custode.daemon.config import CardSettings, Config, DiscoverySettings
    from custode.daemon.context import Context
    from custode.domain.commands import FindModules
    from custode_drivers.catalogue.table import Catalogue, ModuleRow

_FIXED: Final = ("/dev/tpmrm0", "/dev/tpm0")  # without one of them no fixed module has a token
_log = logging.getLogger(__name__)


async def find_modules(ctx: Context, command: FindModules) -> None:
    """Hook of FindModules: answer with what there is, whatever goes wrong."""
    offers: tuple[Offer, ...] = ()
    name, ignored = "", False
    try:
        search = Search(ctx)
        name, ignored = search.card(bytes.fromhex(command.atr))
        offers = () if ignored else tuple(search.offers(bytes.fromhex(command.atr)))
    except Exception:  # noqa: BLE001 - the gate waits for the answer
        _log.exception("looking for modules for %s", command.atr)
    ctx.mailbox.put(events.ModulesOffered(command.atr, offers, ctx.clock.now(), name, ignored))


def fixed_modules(config: Config) -> tuple[ModuleSettings, ...]:
    """Modules whose tokens never move and whose device is here; none that the file names."""
    if not config.discovery.discover or not any(Path(one).exists() for one in _FIXED):
        return ()
    named = {os.path.realpath(one.path) for one in config.modules}
    folders = [Path(one) for one in config.discovery.folders]
    rows = [row for row in table.catalogue().modules.values() if row.kind is table.Kind.FIXED]
    paths = [installed.found(row, folders) for row in rows if installed.is_here(row)]
    return tuple(
        ModuleSettings(str(path), watch=BY_NOBODY)
        for path in paths
        if path is not None and os.path.realpath(path) not in named
    )


class Search:
    """One look-up: the files as they are now."""

    def __init__(self, ctx: Context) -> None:
        self._tokens = ctx.tokens
        self._settings: DiscoverySettings = ctx.config.discovery
        self._catalogue: Catalogue = table.catalogue()
        self._folders = [Path(one) for one in self._settings.folders]
        # What the configuration names is asked before, or is not to be asked for cards.
        self._taken = {os.path.realpath(one.path) for one in ctx.config.modules}

    def card(self, atr: bytes) -> tuple[str, bool]:
        """What the catalogue calls such a card ("": it knows none), and whether it is ignored."""
        named = next((row.name for row in self._catalogue.matching(atr)), "")
        return named, any(one.ignore for one in self._said(atr))

    def offers(self, atr: bytes) -> Iterator[Offer]:
        """Modules for such a card: as the configuration says, else all that may be able to."""
        said = list(self._said(atr))
        if said:
            for one in said:
                yield from self._of_setting(one)
            return
        for row in self._catalogue.matching(atr):
            for wanted in row.modules:
                yield from self._of_row(self._catalogue.modules[wanted], Why.CARD)
        for listed in p11kit.listed(self._settings.p11_kit):
            yield from self._of_list(listed)
        for module in self._catalogue.modules.values():
            if module.any:
                yield from self._of_row(module, Why.ANY_CARD)

    def _said(self, atr: bytes) -> Iterator[CardSettings]:
        return (one for one in self._settings.card if AtrMask.parse(one.atr, one.mask).fits(atr))

    def _of_setting(self, said: CardSettings) -> Iterator[Offer]:
        row = self._catalogue.modules.get(said.module)
        path = Path(said.module) if row is None else installed.found(row, self._folders)
        settings = ModuleSettings(str(path), said.env, said.init_args)
        yield from self._offer(said.module, path, settings, Why.CONFIG, row)

    def _of_row(self, row: ModuleRow, why: Why) -> Iterator[Offer]:
        path = installed.found(row, self._folders)
        yield from self._offer(row.id, path, ModuleSettings(str(path)), why, row)

    def _of_list(self, listed: p11kit.Listed) -> Iterator[Offer]:
        """What p11-kit lists; the catalogue says of some that they hold no person's cards."""
        row = self._known(listed.path)
        if row is None or row.kind is table.Kind.CARD:
            key = str(listed.path) if row is None else row.id
            settings = ModuleSettings(str(listed.path))
            yield from self._offer(key, listed.path, settings, Why.P11_KIT, row)

    def _offer(
        self, key: str, path: Path | None, settings: ModuleSettings, why: Why, row: ModuleRow | None
    ) -> Iterator[Offer]:
        """One module; what the configuration names is not offered, nor is one library twice."""
        told = (row.title, row.package, row.get) if row is not None else ()
        if path is None or not path.exists():
            yield Offer(key, path.name if path is not None else key, why, None, *told)
            return
        real = os.path.realpath(path)
        if real not in self._taken:
            self._taken.add(real)
            yield Offer(key, self._tokens.offer(settings), why, str(path), *told)

    def _known(self, path: Path) -> ModuleRow | None:
        """The row of the catalogue that a library is, by its file's name."""
        real = {path.name, Path(os.path.realpath(path)).name}
        for row in self._catalogue.modules.values():
            if any(Path(name).match(Path(file).name) for file in row.files for name in real):
                return row
        return None
