"""Which procedures and which drivers the daemon runs with: the only place that names them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from custode.daemon.agent import Wiring
from custode.daemon.config import BY_READERS
from custode.domain import commands
from custode.procedures import hooks, registry, resume

if TYPE_CHECKING:
    from custode.daemon.config import Config, ModuleSettings
    from custode.daemon.context import Context
    from custode_drivers.api.events import Event as DriverEvent
    from custode_drivers.api.protocols import Watch


def wiring() -> Wiring:
    """Bring everything together."""
    return Wiring(
        methods=registry.METHODS,
        resume=resume.RESUME,
        hooks={
            commands.QueryOperations: _overview,
            commands.QueryBackups: _overview,
            commands.QueryStatus: _status,
            commands.FindModules: _modules,
        },
        watches=_watches,
        fixed=_fixed,
        discovers=True,
    )


async def _overview(ctx: Context, _command: object) -> None:
    await hooks.query_overview(ctx)


async def _status(ctx: Context, command: commands.QueryStatus) -> None:
    await hooks.query_status(ctx, command.fingerprint_sha256)


async def _modules(ctx: Context, command: commands.FindModules) -> None:
    # Only when a card is there: the catalogue's reader need not be in memory before.
    from custode.daemon.discovery import find_modules

    await find_modules(ctx, command)


def _fixed(config: Config) -> Sequence[ModuleSettings]:
    from custode.daemon.discovery import fixed_modules

    return fixed_modules(config)


def _watches(
    config: Config, names: Sequence[str], report: Callable[[DriverEvent], None]
) -> Sequence[Watch]:
    """Watches that the configuration asks for; `names` are those of its modules, in order.

    Each kind is imported only where it is wanted: together they weigh ten megabytes.
    """
    modules = list(zip(names, config.modules, strict=False))  # fixed ones follow: nothing to watch
    watches: list[Watch] = []
    by_readers = [name for name, module in modules if module.watch == BY_READERS]
    if by_readers or config.discovery.discover:
        from custode_drivers.pcsc.watch import PcscWatch

        watches.append(PcscWatch(by_readers, report))
    for name, module in modules:
        if (folder := module.watched_folder) is not None:
            from custode_drivers.softhsm.watch import SoftHsmWatch

            watches.append(SoftHsmWatch(name, Path(folder), report))
    if config.backup.watch:
        from custode_drivers.volumes.watch import VolumeWatch

        watches.append(VolumeWatch([Path(place) for place in config.backup.watch], report))
    if modules or config.discovery.discover:
        from custode_drivers.logind.watch import ResumeWatch

        watches.append(ResumeWatch(report))
    return watches
