"""Which modules lie on this computer: the catalogue's patterns, looked up in its folders."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from custode_drivers.catalogue.table import ModuleRow

_LIB: Final = "{lib}"
_ELF: Final = b"\x7fELF"
_CLASS: Final = 4  # EI_CLASS (ELF specification, e_ident): 1 is 32 bits, 2 is 64
_CLASS_OF_US: Final = 2 if struct.calcsize("P") == 8 else 1  # noqa: PLR2004 - bytes of a pointer


def library_folders() -> tuple[Path, ...]:
    """Where distributions put libraries: Debian's multiarch folder, Fedora's lib64, the others."""
    multiarch = getattr(sys.implementation, "_multiarch", "")
    named = [f"/usr/lib/{multiarch}"] if multiarch else []
    return tuple(
        map(Path, (*named, "/usr/lib64", "/usr/lib", "/usr/local/lib64", "/usr/local/lib"))
    )


def found(row: ModuleRow, folders: Sequence[Path] = ()) -> Path | None:
    """Where that module lies, None: nowhere. With `folders` it is looked for only in those."""
    for pattern in row.files:
        if _LIB in pattern:
            places = [pattern.replace(_LIB, str(one)) for one in folders or library_folders()]
        else:
            places = [] if folders else [pattern]
        for place in places:
            for path in _glob(Path(place)):
                if is_ours(path):
                    return path
    return None


def is_here(row: ModuleRow) -> bool:
    """Whether what a fixed module needs is on this computer."""
    return any(any(_glob(Path(place).expanduser())) for place in row.when)


def is_ours(path: Path) -> bool:
    """Whether it is a file, and no library for another size of word than this process has."""
    try:
        with path.open("rb") as file:
            head = file.read(_CLASS + 1)
    except OSError:
        return path.is_file()  # that it cannot be read is told when it is tried
    return head[:_CLASS] != _ELF or head[_CLASS:] == bytes([_CLASS_OF_US])


def _glob(place: Path) -> Iterator[Path]:
    root = Path(place.anchor)
    yield from sorted(root.glob(str(place.relative_to(root))))
