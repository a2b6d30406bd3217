"""What a crash must not do, and what there is to be looked at."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from custode.container import folder as container_folder
from custode.container.leggimi import FILE_NAME as LEAFLET
from custode.demo.soft_stage import SoftToken
from custode_drivers.softhsm import tokens as softhsm

from .lab import Lab
from .referee import Point

OBJECTS: Final = Path(__file__).parent / "objects_of.py"
VICTIMS: Final = ("agent", "token", "job", "authority")


class Violation(Exception):
    """Something that a crash must not do."""


def expect(told: object, what: str) -> None:
    """Or it is a violation."""
    if not told:
        raise Violation(what)


# --- what is there ----------------------------------------------------------------------------


def states(lab: Lab) -> list[str]:
    """What the authority holds of each certificate."""
    return sorted(row[0] for row in lab.authority("SELECT state FROM certificates"))


def active(lab: Lab) -> int:
    """How many certificates the authority holds active."""
    return states(lab).count("active")


def on_token(lab: Lab, token: SoftToken | None = None) -> dict[str, list[str]]:
    """Ids of the objects on that token, or the one in the reader, by class; with its PIN."""
    token = token or lab.here
    environment = {**os.environ, "SOFTHSM2_CONF": str(lab.person.folder / "softhsm2.conf")}
    environment.pop("CUSTODE_FAULTS", None)
    done = subprocess.run(
        [sys.executable, str(OBJECTS), softhsm.find_module(), token.serial],
        env=environment,
        input=token.pin,
        capture_output=True,
        check=True,
        timeout=30,
    )
    found: dict[str, list[str]] = msgspec.json.decode(done.stdout)
    return found


def folders(lab: Lab) -> dict[str, Path]:
    """Every folder on the stick by the hash of its container; half a one is a violation."""
    found: dict[str, Path] = {}
    for place in sorted(lab.stick.iterdir()):
        expect(not place.name.startswith("."), f"half a folder stays: {place.name}")
        container = container_folder.read_container(place)
        expect((place / LEAFLET).is_file(), f"{place.name} has no leaflet")
        found[container.sha256] = place
    return found


def registered(lab: Lab) -> set[str]:
    """Containers that the authority holds as registered, or as more than that."""
    rows = lab.authority("SELECT container_sha256 FROM backups WHERE container_sha256 IS NOT NULL")
    return {row[0] for row in rows}


# --- what has to be true ------------------------------------------------------------------------


def check_always(lab: Lab) -> None:
    """What holds after every start, whatever was killed."""
    expect(active(lab) <= 1, f"{active(lab)} active certificates")
    check_kept(lab)


def check_kept(lab: Lab) -> None:
    """The log holds, and each folder of a backup is whole and known to both sides."""
    lab.call("audit.verify")
    have, known = set(folders(lab)), registered(lab)
    expect(have <= known, "a folder stays that the authority does not know")
    expect(known <= have, "a registered backup has no folder")
    told = {row["container_sha256"] for row in lab.call("status")["backups"]}
    expect(known <= told, "the agent does not know of a registered backup")


def one_active(lab: Lab, point: Point) -> None:
    """Never two active certificates, not for a moment."""
    if point.name == "commit after":
        expect(active(lab) <= 1, "two active certificates")


def nothing_more(_lab: Lab) -> None:
    """Half done is told from done by `reached` alone."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation under fire.

    `run` calls it; `reached` tells whether its effect is there; `again` are the codes a second run
    may answer once the effect is there; `acknowledged` holds an answer against what is there.
    `watch` judges every moment of it, `broken_off` how things stand after the restart, `always`
    whatever has to hold besides. `keys`: how many key pairs the token carries in the end.
    """

    name: str
    stage: str
    kind: str
    run: Callable[[Lab], Any]
    reached: Callable[[Lab], bool]
    acknowledged: Callable[[Lab, Any], None]
    again: frozenset[str] = frozenset()
    watch: Callable[[Lab, Point], None] = one_active
    broken_off: Callable[[Lab], None] = nothing_more
    always: Callable[[Lab], None] = check_always
    keys: Callable[[Lab], int] | None = None
    victims: tuple[str, ...] = VICTIMS
