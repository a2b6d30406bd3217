"""A small real volume that is unplugged, filled or made read-only at every use of it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from custode.errors import CustodeError

from . import rules
from .lab import Lab, Snapshot
from .rules import expect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .referee import Point

HARMS: Final = ("unplugged", "filled", "read-only")
CODES: Final = frozenset({"file_unwritable", "file_missing", "file_unreadable", "no_space"})


class CannotMount(Exception):
    """This system lets nobody mount here."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A tmpfs of 1 MiB that keeps its content at `kept`, while its mount point comes and goes."""

    kept: Path
    place: Path

    def plug(self) -> None:
        _mount("--bind", str(self.kept), str(self.place))

    def harm(self, how: str) -> None:
        """Do it now."""
        match how:
            case "unplugged":
                _run("umount", "-l", str(self.place))
            case "filled":
                with suppress(OSError), (self.kept / "filler").open("wb", buffering=0) as file:
                    while True:
                        file.write(bytes(4096))
            case "read-only":
                _mount("-o", "remount,bind,ro", str(self.place))

    def mend(self, how: str) -> None:
        """Take it back."""
        match how:
            case "unplugged":
                self.plug()
            case "filled":
                (self.kept / "filler").unlink()
            case "read-only":
                _mount("-o", "remount,bind,rw", str(self.place))


@contextmanager
def volume(folder: Path) -> Iterator[Volume]:
    """Mount one below `folder`. :raises CannotMount: with the reason."""
    made = Volume(folder / "kept", folder / "stick")
    for place in (made.kept, made.place):
        place.mkdir()
    _mount("-t", "tmpfs", "-o", "size=1m", "custode-test", str(made.kept))
    try:
        made.plug()
        yield made
    finally:
        for place in (made.place, made.kept):
            with suppress(CannotMount):
                _run("umount", "-l", str(place))


def harm_at_every_use(
    snapshot: Snapshot, how: str, wanted: Callable[[str], bool] = bool
) -> list[tuple[str, str]]:
    """Make a backup again and again, the volume harmed one use of it later each time.

    Gives for each use what it was and the error's code ("" when the backup was made all the same).
    Ends with the run in which nothing is left to harm, which has to work.
    """
    found: list[tuple[str, str]] = []
    with Lab.copy(snapshot) as lab, volume(lab.folder) as stick:
        lab.settle()
        for nth in range(1, 100):
            used, code = _one(lab, stick, how, nth, wanted)
            if used is None:
                break
            found.append((used, code))
        expect(_folders(lab, stick) == rules.registered(lab), "not what is registered")
    return found


def _one(
    lab: Lab, stick: Volume, how: str, nth: int, wanted: Callable[[str], bool]
) -> tuple[str | None, str]:
    uses: list[str] = []

    def act(point: Point, _pid: int) -> None:
        if point.role == "job" and point.name.startswith("volume ") and point.name[-6:] == "before":
            use = point.name.split()[1]
            if wanted(use):
                uses.append(use)
                if len(uses) == nth:
                    stick.harm(how)

    lab.referee.arm(act)
    code = ""
    try:
        lab.call("backup.create", to=str(stick.place), kind="successor")
    except CustodeError as exc:
        code = exc.code.value
        expect(code in CODES and len(uses) >= nth, f"{code} while {how} at {uses[-1:]}: {exc}")
    lab.referee.disarm()
    if len(uses) < nth:
        return None, code
    stick.mend(how)
    return uses[nth - 1], code


def _folders(lab: Lab, stick: Volume) -> set[str]:
    shutil.rmtree(lab.stick, ignore_errors=True)
    lab.stick.symlink_to(stick.place)
    return set(rules.folders(lab))


def _mount(*words: str) -> None:
    _run("mount", *words)


def _run(*words: str) -> None:
    try:
        subprocess.run(words, check=True, capture_output=True, timeout=20)
    except subprocess.CalledProcessError as exc:
        raise CannotMount(exc.stderr.decode(errors="replace").strip()) from exc
    except OSError as exc:
        raise CannotMount(str(exc)) from exc
