"""How a word is written where others read it: a desktop entry's Exec, a unit's settings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

# Desktop Entry Specification, "The Exec key": these are escaped inside double quotes, and % starts
# a field code. After that the value is a string, in which a backslash is escaped once more.
_EXEC: Final = str.maketrans({char: "\\" + char for char in '"`$\\'})
_PLAIN: Final = re.compile(r"[\w@%+=:,./-]+")
# systemd.service(5), "Command lines": C escapes, %-specifiers and $VARIABLES.
_UNIT: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "%": "%%"})
_NO_PROGRAM: Final = frozenset("\"'\\")
_COMMAND: Final = str.maketrans({"$": "$$"})


def desktop_exec(argv: Sequence[str]) -> str:
    """The value of Exec that runs `argv`."""
    return desktop_string(" ".join(_quoted(word) for word in argv))


def _quoted(word: str) -> str:
    escaped = word.translate(_EXEC).replace("%", "%%")
    return escaped if _PLAIN.fullmatch(word) else f'"{escaped}"'


def desktop_string(text: str) -> str:
    """A value of type string (Desktop Entry Specification, "Possible value types")."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def unit_command(argv: Sequence[str]) -> str:
    """The value of ExecStart= that runs `argv`."""
    program, *words = argv
    if not _NO_PROGRAM.isdisjoint(program):
        # Where systemd takes such a word as an argument only, env runs it.
        program, words = "/usr/bin/env", [*argv]
    # The program's own path knows no variables.
    return " ".join(
        [
            f'"{program.translate(_UNIT)}"',
            *(f'"{w.translate(_UNIT).translate(_COMMAND)}"' for w in words),
        ]
    )


def unit_environment(name: str, value: str) -> str:
    """A line that sets one variable."""
    return f'Environment="{name}={value.translate(_UNIT)}"'


def unit_path(path: str) -> str:
    """A path as ListenStream= takes it: as it is, but for specifiers."""
    return path.replace("%", "%%")
