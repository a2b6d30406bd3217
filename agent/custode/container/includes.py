"""The access files that a person takes along in a backup's folder.

They leave for a stick that goes from hand to hand and system to system: names must be portable,
and neither names nor contents may tell whose backup this is.
"""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from custode.container import search
from custode.container.errors import IncludeReason, IncludeRefused

MAX_FILES: Final = 32
MAX_SIZE: Final = 16 * 1024 * 1024  # bytes, each
_MAX_NAME: Final = 200  # bytes; FAT and ext4 take 255, room for those who add to it
# [MS-FSCC] §2.1.5: what FAT and NTFS refuse in names, and the names of devices.
_FORBIDDEN: Final = frozenset('<>:"/\\|?*')
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)}
)
# Control, format (turns the direction of a line), surrogate, private, unassigned; line separators.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def read(
    sources: Sequence[Path], *, taken: Sequence[str], private_texts: Sequence[str]
) -> dict[str, bytes]:
    """Read the files to take along, by name; `taken` are names that are ours already.

    :raises IncludeRefused: the first that must stay outside, with the reason
    """
    if len(sources) > MAX_FILES:
        raise IncludeRefused(sources[MAX_FILES].name, IncludeReason.TOO_MANY)
    names = {_folded(name) for name in taken}
    found: dict[str, bytes] = {}
    for source in sources:
        name = source.name
        if not is_portable(name):
            raise IncludeRefused(name, IncludeReason.NAME_NOT_PORTABLE)
        if _folded(name) in names:
            raise IncludeRefused(name, IncludeReason.NAME_TAKEN)
        names.add(_folded(name))
        data = _read(source)
        if search.find(name.encode(), private_texts) or search.find(data, private_texts):
            raise IncludeRefused(name, IncludeReason.HOLDS_IDENTITY)
        found[name] = data
    return found


def is_portable(name: str) -> bool:
    """Whether every usual file system takes this name, and a person sees all of it."""
    return (
        0 < len(name.encode(errors="surrogateescape")) <= _MAX_NAME
        and _FORBIDDEN.isdisjoint(name)
        and _INVISIBLE.isdisjoint(map(unicodedata.category, name))
        and not name.startswith(" ")
        and not name.endswith((" ", "."))
        and name.partition(".")[0].rstrip().lower() not in _DEVICES
    )


def _folded(name: str) -> str:
    """FAT knows no case, and some systems compose letters and accents by themselves."""
    return unicodedata.normalize("NFC", name).casefold()


def _read(source: Path) -> bytes:
    # O_NONBLOCK: a named pipe must not keep us waiting. O_NOFOLLOW: take what was chosen.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with open(source, "rb", opener=lambda path, _: os.open(path, flags)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise IncludeRefused(source.name, IncludeReason.NOT_A_FILE)
            data = file.read(MAX_SIZE + 1)
    except OSError as error:
        # ELOOP: O_NOFOLLOW met a link; EISDIR: Python's open() met a folder; ENXIO: a socket
        wrong = {errno.ELOOP, errno.EISDIR, errno.ENXIO}
        reason = IncludeReason.NOT_A_FILE if error.errno in wrong else IncludeReason.UNREADABLE
        raise IncludeRefused(source.name, reason) from None
    if len(data) > MAX_SIZE:
        raise IncludeRefused(source.name, IncludeReason.TOO_LARGE)
    return data
