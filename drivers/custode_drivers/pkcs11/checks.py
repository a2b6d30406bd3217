"""Checks of the PKCS#11 modules: there, made for this computer, loads, how fast, what it shows.

No module is ever loaded here: that happens in a token worker, a process of its own.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from custode_drivers.api.checks import Case, Check, Examined, Finding, ModuleCase, Outcome, When

SLOW_S: Final = 3.0
EXAMINE_S: Final = 8.0
"""How long a module may take to be loaded, and then to list its tokens."""
_SHARED: Final = 3  # e_type ET_DYN (elf(5))
_HEADER: Final = 20
# The loader's own words (dlopen(3)) when a library that the module needs is not there.
_MISSING_PART: Final = re.compile(r"^(\S+): cannot open shared object file")


def names(case: Case) -> Sequence[str]:
    """Every module; one empty name when there is none, so that this is told."""
    return [module.name for module in case.modules] or [""]


def module(case: Case, name: str) -> Iterator[Finding]:
    """Whether a module works, and if not, what of it does not."""
    found = next((one for one in case.modules if one.name == name), None)
    if found is None:
        code = "by_card" if case.discovers else "none" if case.settings_read else "no_settings"
        yield Finding(code, data={"file": str(case.config_file)})
    else:
        yield judged(case, found)


def judged(case: Case, found: ModuleCase) -> Finding:
    """Look at one module: its file, then what it does in a process of its own."""
    told = {"path": found.path, "file": str(case.config_file)}
    code = _file_fault(Path(found.path))
    if code is not None:
        return Finding(code, found.name, told)
    examined = case.examine(found)
    return Finding(_verdict(examined, found), found.name, {**told, **_values(examined)})


def _file_fault(path: Path) -> str | None:
    """What the file itself tells, without anything of it being run."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER)
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except IsADirectoryError:
        return "not_a_library"
    except OSError:
        return "unreadable"
    if sys.platform != "linux":
        return None
    if header[:4] != b"\x7fELF" or len(header) < _HEADER:
        return "not_a_library"
    ours = Path(sys.executable).resolve().open("rb")
    with ours:
        mine = ours.read(_HEADER)
    # EI_CLASS, EI_DATA and e_machine (elf(5)): those of the program that is to load it.
    if (header[4:6], header[18:20]) != (mine[4:6], mine[18:20]):
        return "other_machine"
    kind = int.from_bytes(header[16:18], sys.byteorder)
    return None if kind == _SHARED else "not_a_library"


def _verdict(examined: Examined, found: ModuleCase) -> str:
    if examined.in_use:
        return "in_use"
    if examined.failure is None:
        return "slow" if (examined.load_s or 0) > SLOW_S else "works"
    if examined.failure == "timed_out":
        return "hangs"
    if examined.failure != "module_failed":
        return "failed"
    if examined.doing is not None:
        return "crashes"
    if "C_GetFunctionList" in examined.why and "undefined symbol" in examined.why:
        return "not_pkcs11"
    missing = _MISSING_PART.match(examined.why)
    if missing and os.path.basename(found.path) != os.path.basename(missing[1]):  # noqa: PTH119 - of a text
        return "part_missing"
    return "failed"


def _values(examined: Examined) -> dict[str, object]:
    missing = _MISSING_PART.match(examined.why)
    values = {
        "load_s": None if examined.load_s is None else round(examined.load_s, 3),
        "list_s": None if examined.list_s is None else round(examined.list_s, 3),
        "library": examined.library or None,
        "tokens": None if examined.failure else examined.tokens,
        "unreadable": examined.unreadable or None,
        "why": examined.why or None,
        "doing": examined.doing,
        "part": missing[1] if missing else None,
    }
    return {name: value for name, value in values.items() if value is not None}


JUDGED: Final = {
    "works": Outcome.PASS,
    "slow": Outcome.PASS,
    "in_use": Outcome.PASS,
    "missing": Outcome.FAIL,
    "unreadable": Outcome.FAIL,
    "not_a_library": Outcome.FAIL,
    "other_machine": Outcome.FAIL,
    "not_pkcs11": Outcome.FAIL,
    "part_missing": Outcome.FAIL,
    "hangs": Outcome.FAIL,
    "crashes": Outcome.FAIL,
    "failed": Outcome.FAIL,
}
"""What a module that is looked at may turn out to be."""

CHECKS: Final = (
    Check(
        "pkcs11.module",
        module,
        {
            **JUDGED,
            "by_card": Outcome.NOT_APPLICABLE,
            "no_settings": Outcome.NOT_MADE,
            "none": Outcome.FAIL,
        },
        subjects=names,
        when=When.AFTERWARDS,
        deadline_s=2 * EXAMINE_S + 4.0,
    ),
)
