"""Every fault of a `config.toml` at once, and what of it can still be used: for the doctor.

The agent itself stops at the first one. Here the value at fault is taken out and the rest read
again, until nothing is wrong any more.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final

from custode.daemon import config_file
from custode.daemon.config import Config, Values
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

_MAX: Final = 50
_PATH: Final = re.compile(r" - at `\$\.?([^`]*)`$")
_UNKNOWN: Final = re.compile(r"unknown field `([^`]+)`")
_STEP: Final = re.compile(r"[^.\[\]]+")
# In the place of a module that was taken out: the others keep theirs.
_NO_MODULE: Final = "/"


def read_all(path: Path) -> tuple[Config, list[CustodeError]]:
    """Read a file as far as it can be, and every fault of it, each with its line.

    One that is not there has no faults and gives the defaults.
    """
    nothing = Config(Values(), frozenset(), str(path))
    try:
        config_file.load(path)
    except CustodeError as exc:
        if exc.code is not ErrorCode.CONFIG_INVALID or "toml" in exc.data:
            return nothing, [exc]
    if not path.exists():
        return nothing, []
    text = path.read_text("utf-8")
    tree = tomllib.loads(text)
    faults: list[CustodeError] = []
    while len(faults) < _MAX:
        try:
            config = config_file.convert(tree, text, str(path))
        except CustodeError as exc:
            faults.append(exc)
            if not _taken_out(tree, exc):
                return nothing, faults
        else:
            return _without_stand_ins(config), sorted(faults, key=_line)
    return nothing, sorted(faults, key=_line)


def _line(fault: CustodeError) -> int:
    return fault.data.get("line") or 0


def _taken_out(tree: dict[str, Any], fault: CustodeError) -> bool:
    """Take the value at fault out of the tree; False when it is not found."""
    if "relative" in fault.data or "watch" in fault.data:
        return _module_out(tree, fault)
    told = str(fault.__cause__)
    where = _PATH.search(told)
    steps: list[str] = _STEP.findall(where[1]) if where else []
    if unknown := _UNKNOWN.search(told):
        steps.append(unknown[1])
    if not steps:
        return False
    parent: Any = tree
    for step in steps[:-1]:
        below = parent[int(step)] if isinstance(parent, list) else parent.get(step)
        if not isinstance(below, dict | list):
            break  # `env["…"]`: the whole of it goes
        parent = below
    return _drop(parent, steps)


def _drop(parent: Any, steps: list[str]) -> bool:
    for step in reversed(steps):
        if isinstance(parent, list) and step.isdecimal() and int(step) < len(parent):
            parent[int(step)] = {"path": _NO_MODULE}
            return True
        if isinstance(parent, dict) and step in parent:
            del parent[step]
            if step == "path":
                parent[step] = _NO_MODULE  # else it would be missing, which is no fault of the file
            return True
    return False


def _module_out(tree: dict[str, Any], fault: CustodeError) -> bool:
    value, key = fault.data.get("relative"), "path"
    if value is None:
        value, key = fault.data["watch"], "watch"
    for number, module in enumerate(tree["module"]):
        if module.get(key) == value:
            tree["module"][number] = {"path": _NO_MODULE}
            return True
    return False


def _without_stand_ins(config: Config) -> Config:
    return config.without(lambda module: module.path == _NO_MODULE)
