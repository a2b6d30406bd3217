"""What is mounted, as the kernel tells it (proc(5), /proc/PID/mountinfo)."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

MOUNTS: Final = Path("/proc/self/mountinfo")


class Mounted(NamedTuple):
    """One line of the table.

    `number` is the device's major and minor one, `root` which folder of the file system is shown at
    `place`: "/" but for bind mounts and subvolumes. `source` is a device, a server, or any word.
    """

    number: str
    root: str
    place: Path
    read_only: bool
    filesystem: str
    source: str


def read(mounts: Path = MOUNTS) -> list[Mounted]:
    """Every mount that can be seen: of two on one place the later lies over the earlier.

    Empty where the system has no such table.
    """
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return []
    table: dict[Path, Mounted] = {}
    for one in map(_mounted, lines):
        table.pop(one.place, None)
        table[one.place] = one
    return list(table.values())


def under(path: Path, table: list[Mounted]) -> Mounted | None:
    """The mount that a path without links lies on."""
    above = [one for one in table if path.is_relative_to(one.place)]
    return max(above, key=lambda one: len(one.place.parts), default=None)


def _mounted(line: str) -> Mounted:
    before, _, after = line.partition(" - ")
    _, _, number, root, place, options, *_ = before.split()
    filesystem, source, *above = after.split()
    options = ",".join((options, *above))  # of this mount, and of the file system itself
    return Mounted(
        number,
        _unescaped(root),
        Path(_unescaped(place)),
        "ro" in options.split(","),
        filesystem,
        _unescaped(source),
    )


def _unescaped(text: str) -> str:
    r"""Read \040 and the like (proc(5))."""
    for code, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, sign)
    return text
