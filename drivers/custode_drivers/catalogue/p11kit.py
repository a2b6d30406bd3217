"""p11-kit's list of modules (pkcs11.conf(5)): what the system's administrator or its user named.

Read as p11-kit does, without it: a `.module` file is `name: value` lines; one of the same name in a
folder of higher rank replaces its settings one by one; an empty `module` takes it off the list.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDERS: Final = ("~/.config/pkcs11/modules", "/etc/pkcs11/modules", "/usr/share/p11-kit/modules")
"""The user's, the administrator's, the packages': the first has the highest rank."""

_SUFFIX: Final = ".module"
_CONF: Final = "pkcs11.conf"  # beside the folder; its `user-config` says whether the user has a say
_LINE: Final = re.compile(r"^\s*([A-Za-z0-9._-]+)\s*:\s*(.*?)\s*$")
_NAMES: Final = re.compile(r"[\s,]+")
_TRUE: Final = frozenset({"yes", "true", "1"})


@dataclass(frozen=True, slots=True)
class Listed:
    """One module of the list; `name` is its file's, without suffix."""

    name: str
    path: Path
    priority: int = 0
    trust_policy: bool = False


def listed(folders: Sequence[str], program: str = "custode") -> tuple[Listed, ...]:
    """Modules for this program, in the order in which p11-kit would ask them.

    Sources of trust come last: they hold other people's certificates. `remote` modules are no
    files and are left out, as are those that are not for this program.
    """
    settings: dict[str, dict[str, str]] = {}
    for folder in _allowed([Path(one).expanduser() for one in folders]):
        for file in _modules_in(folder):
            settings[file.stem] = {**_read(file), **settings.get(file.stem, {})}
    rows = [_row(name, told) for name, told in settings.items() if _meant_for(told, program)]
    wanted = (row for row in rows if row is not None)
    return tuple(sorted(wanted, key=lambda row: (row.trust_policy, -row.priority, row.name)))


def _allowed(folders: Sequence[Path]) -> list[Path]:
    """Leave out the user's folders, or the others, as `user-config` of the others' says."""
    home = Path.home()
    ours = [one for one in folders if one.is_relative_to(home)]
    others = [one for one in folders if one not in ours]
    says = {_read(one.parent / _CONF).get("user-config", "merge") for one in others}
    if "none" in says:
        return others
    return ours if "only" in says else list(folders)


def _modules_in(folder: Path) -> list[Path]:
    try:
        return sorted(one for one in folder.iterdir() if one.suffix == _SUFFIX)
    except OSError:
        return []


def _read(file: Path) -> dict[str, str]:
    try:
        text = file.read_text("utf-8", "replace")
    except OSError:
        return {}
    lines = (_LINE.match(line) for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {line[1]: line[2] for line in lines if line}


def _meant_for(settings: dict[str, str], program: str) -> bool:
    if (only := settings.get("enable-in")) is not None:
        return program in _NAMES.split(only)
    return program not in _NAMES.split(settings.get("disable-in", ""))


def _row(name: str, settings: dict[str, str]) -> Listed | None:
    module = settings.get("module", "")
    if not module or "remote" in settings:
        return None
    try:
        priority = int(settings.get("priority", "0"))
    except ValueError:
        priority = 0
    trust = settings.get("trust-policy", "no").lower() in _TRUE
    return Listed(name, _module_folder(module) / module, priority, trust)


def _module_folder(module: str) -> Path:
    """Where p11-kit looks for a module without a folder: where the distribution built it for."""
    multiarch = getattr(sys.implementation, "_multiarch", "")
    places = [f"/usr/lib/{multiarch}/pkcs11"] if multiarch else []
    places += ["/usr/lib64/pkcs11", "/usr/lib/pkcs11"]
    return next((Path(one) for one in places if (Path(one) / module).exists()), Path(places[0]))
