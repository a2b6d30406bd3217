"""Checks of SoftHSM: its configuration, and the folder that stands for the reader."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from custode_drivers.api.checks import Case, Check, Finding, ModuleCase, Outcome

_VARIABLE: Final = "SOFTHSM2_CONF"
_FOLDER: Final = re.compile(r"^\s*directories\.tokendir\s*=\s*(.*?)\s*$", re.MULTILINE)
_NO_FOLDER: Final = frozenset({"pcsc", "none"})


def modules(case: Case) -> Sequence[str]:
    """Every module that a folder is watched for; one empty name when there is none."""
    return [one.name for one in case.modules if one.watch not in _NO_FOLDER] or [""]


def folder(case: Case, name: str) -> Iterator[Finding]:
    """Whether the folder of tokens is there, can be used, and is the one that SoftHSM uses."""
    found = next((one for one in case.modules if name and one.name == name), None)
    if found is None:
        yield Finding("none")
        return
    place = Path(found.watch)
    told = {"path": str(place)}
    if not place.is_dir():
        yield Finding("missing", name, told)
    elif not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        yield Finding("closed", name, told)
    else:
        yield _configured(case, found, place)


def _configured(case: Case, found: ModuleCase, place: Path) -> Finding:
    told = {"path": str(place)}
    written = found.env.get(_VARIABLE) or case.environ.get(_VARIABLE)
    if written is None:
        return Finding("there", found.name, told)  # the system's own configuration
    told["conf"] = written
    try:
        named = _FOLDER.search(Path(written).read_text("utf-8", "replace"))
    except OSError:
        return Finding("no_conf", found.name, told)
    if named is None or Path(named[1]).resolve() != place.resolve():
        return Finding("another", found.name, {**told, "names": named[1] if named else ""})
    return Finding("there", found.name, told)


CHECKS: Final = (
    Check(
        "softhsm.folder",
        folder,
        {
            "there": Outcome.PASS,
            "none": Outcome.NOT_APPLICABLE,
            "missing": Outcome.FAIL,
            "closed": Outcome.FAIL,
            "no_conf": Outcome.FAIL,
            "another": Outcome.FAIL,
        },
        subjects=modules,
    ),
)
