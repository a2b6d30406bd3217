"""Which procedures and which drivers the daemon runs with: the only place that names them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from custode.daemon.agent import Wiring
from custode.domain import commands
from custode.procedures import hooks, registry, resume

if TYPE_CHECKING:
    from custode.daemon.config import Config
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
        },
        watches=_watches,
    )


async def _overview(ctx: Context, _command: object) -> None:
    await hooks.query_overview(ctx)


async def _status(ctx: Context, command: commands.QueryStatus) -> None:
    await hooks.query_status(ctx, command.fingerprint_sha256)


def _watches(
    config: Config, names: Sequence[str], report: Callable[[DriverEvent], None]
) -> Sequence[Watch]:
    """Watches that the configuration asks for; `names` are those of its modules, in order."""
    from custode_drivers.softhsm.watch import SoftHsmWatch
    from custode_drivers.volumes.watch import VolumeWatch

    watches: list[Watch] = [
        SoftHsmWatch(name, Path(module.watch), report)
        for name, module in zip(names, config.modules, strict=True)
        if module.watch
    ]
    if config.backup.watch:
        watches.append(VolumeWatch([Path(place) for place in config.backup.watch], report))
    return watches
