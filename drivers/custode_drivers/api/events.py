"""What drivers report, in the past tense. The agent's domain decides what follows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PlugHint:
    """Something changed at this module: close the gate, then list its tokens and compare."""

    module: str
    """Path or name of the configured module, as the watch was given it."""
    at: datetime
    """When it was noticed; aware, UTC."""


@dataclass(frozen=True, slots=True)
class VolumeFolder:
    """A folder that holds an `iw.iwk` appeared on, or vanished from, a watched place."""

    path: Path
    appeared: bool


Event = PlugHint | VolumeFolder
