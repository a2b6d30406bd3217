"""`config.toml`: read with the line of each fault, read again when it changes, edited in place."""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from pathlib import Path
from typing import Any, Final, Never

import msgspec

from custode.daemon.config import BY_READERS, Config, ModuleSettings, Values
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

_HEADER: Final = re.compile(r"^\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY: Final = re.compile(r"^\s*([A-Za-z0-9_.\"'-]+)\s*=")
_TOML_LINE: Final = re.compile(r"at line (\d+)")
_TOML_PLACE: Final = re.compile(r" \(at [^)]*\)$")
_FAULT_PATH: Final = re.compile(r" - at `\$\.?([^`]*)`$")
_INDEX: Final = re.compile(r"^[\w.]+\[(\d+)\]")
_UNKNOWN: Final = re.compile(r"unknown field `([^`]+)`")


def load(path: Path) -> Config:
    """Read the file; a file that is not there gives the defaults.

    :raises CustodeError: CONFIG_INVALID with file, line and what: not TOML, an unknown key, a
        value of the wrong kind
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return Config(Values(), frozenset(), str(path))
    except (OSError, UnicodeDecodeError) as exc:
        raise CustodeError(ErrorCode.FILE_UNREADABLE, path=str(path), why=str(exc)) from exc
    return parse(text, str(path))


def parse(text: str, file: str) -> Config:
    """Read the text of a `config.toml`.

    :raises CustodeError: CONFIG_INVALID, as `load`
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        found = _TOML_LINE.search(str(exc))
        line = int(found[1]) if found else len(text.splitlines())
        told = {"what": str(exc), "toml": _TOML_PLACE.sub("", str(exc))}
        raise CustodeError(ErrorCode.CONFIG_INVALID, file=file, line=line, **told) from exc
    return convert(tree, text, file)


def convert(tree: dict[str, Any], text: str, file: str) -> Config:
    """Read what TOML made of the text.

    :raises CustodeError: CONFIG_INVALID, as `load`, caused by msgspec's own error where it found it
    """
    try:
        values = msgspec.convert(tree, Values)
    except msgspec.ValidationError as exc:
        _blame(text, file, exc)
    _refuse_relative(text, file, values)
    given = frozenset(
        f"{section}.{name}"
        for section, table in tree.items()
        if isinstance(table, dict)
        for name in table
    )
    return Config(values, given, file)


class LiveConfig:
    """The configuration as the file is now: looked at before each use, read when it changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = _stamp(path)
        self._config = load(path)
        self._began_with = _fixed_at_start(self._config)

    @property
    def modules_changed(self) -> bool:
        """Whether the file names other modules now than when the agent began with them.

        :raises CustodeError: as `load`
        """
        return _fixed_at_start(self.current()) != self._began_with

    def current(self) -> Config:
        """Settings of this moment.

        :raises CustodeError: as `load`: a file that was broken meanwhile is not passed over
        """
        stamp = _stamp(self._path)
        if stamp != self._seen:
            self._config = load(self._path)
            self._seen = stamp
        return self._config


def _fixed_at_start(config: Config) -> tuple[object, ...]:
    return config.modules, config.discovery.discover


def set_value(path: Path, key: str, value: bool | float | str) -> None:  # noqa: FBT001 - a value
    """Set `section.name` in the file, leaving every other line as it is; written atomically.

    :raises CustodeError: CONFIG_INVALID when the file would not read any more with it
    """
    section, _, name = key.partition(".")
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    entry = f"{name} = {_literal(value)}"
    place = _find(lines, section, name)
    header = _find(lines, section, "")
    if place is not None:
        lines[place] = f"{lines[place].partition('=')[0].rstrip()} = {_literal(value)}"
    elif header is not None:
        lines.insert(header + 1, entry)
    else:
        lines += [*([""] if lines else []), f"[{section}]", entry]
    _replace(path, "\n".join(lines) + "\n")


def add_module(path: Path, module: ModuleSettings) -> None:
    """Append a `[[module]]` to the file; written atomically.

    :raises CustodeError: CONFIG_INVALID when the file would not read any more with it
    """
    text = path.read_text("utf-8") if path.exists() else ""
    lines = ["[[module]]", f"path = {_literal(module.path)}"]
    if module.env:
        pairs = ", ".join(f"{_literal(k)} = {_literal(v)}" for k, v in module.env.items())
        lines.append(f"env = {{ {pairs} }}")
    if module.init_args:
        lines.append(f"init_args = {_literal(module.init_args)}")
    if module.watch != BY_READERS:
        lines.append(f"watch = {_literal(module.watch)}")
    _replace(path, text + ("\n" if text else "") + "\n".join(lines) + "\n")


def _literal(value: bool | float | str) -> str:  # noqa: FBT001 - a value
    # A JSON string is a TOML basic string (TOML 1.0), given that DEL is escaped too.
    if isinstance(value, str):
        return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
    return msgspec.json.encode(value).decode()


def _replace(path: Path, text: str) -> None:
    parse(text, str(path))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=".config-")
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _find(lines: list[str], section: str, name: str, nth: int = 0) -> int | None:
    """Index of the line that sets `name` in `section`; without a name, of the section's header.

    `nth`: in which one of several sections of that name ([[module]]), from 0.
    """
    inside, seen = "", -1
    for index, line in enumerate(lines):
        if header := _HEADER.match(line):
            inside = header[1].strip("\"' ")
            seen += inside == section
            if inside == section and not name and seen == nth:
                return index
        elif (key := _KEY.match(line)) and name and (not nth or seen == nth):
            written = ".".join(filter(None, (inside, key[1].strip("\"'"))))
            if written == f"{section}.{name}" or (not section and written == name):
                return index
    return None


def _blame(text: str, file: str, fault: msgspec.ValidationError) -> Never:
    """Find the line of what msgspec found wrong: tomllib does not keep lines."""
    told = str(fault)
    where = _FAULT_PATH.search(told)
    steps = re.sub(r"\[[^\]]*\]", "", where[1]).split(".") if where else []
    unknown = _UNKNOWN.search(told)
    if unknown:
        steps = [*filter(None, steps), unknown[1]]
    section, name = ".".join(steps[:-1]), "".join(steps[-1:])
    key = ".".join(filter(None, (section, name)))
    lines, nth = text.splitlines(), _index_in(where[1] if where else "")
    index = _find(lines, section, name, nth)
    if index is None and key:  # a table that lacks something, or is wrong as a whole
        index = _find(lines, key, "", nth)
    if index is None and section:
        index = _find(lines, section, "", nth)
    wrong = _FAULT_PATH.sub("", told)
    what = f"unknown key {key}" if unknown else f"{key}: {wrong}"
    more = {"unknown": key} if unknown else {"key": key, "fault": wrong}
    line = None if index is None else index + 1
    raise CustodeError(ErrorCode.CONFIG_INVALID, file=file, line=line, what=what, **more) from fault


def _index_in(path: str) -> int:
    """The number in msgspec's `$.module[2].path`: which table of that name it is."""
    found = _INDEX.match(path)
    return int(found[1]) if found else 0


def _refuse_relative(text: str, file: str, values: Values) -> None:
    """A path counts from nowhere: the agent works in another folder than whoever wrote it."""
    for module in values.module:
        if not Path(module.path).is_absolute():
            told = {"what": f"module.path: not absolute: {module.path}", "relative": module.path}
            at = _line_with(text, module.path)
            raise CustodeError(ErrorCode.CONFIG_INVALID, file=file, line=at, **told)
        folder = module.watched_folder
        if folder is not None and not Path(folder).is_absolute():
            told = {"what": f"module.watch: pcsc, none or /…, not {folder!r}", "watch": folder}
            at = _line_with(text, f"watch = {_literal(folder)}", "watch")
            raise CustodeError(ErrorCode.CONFIG_INVALID, file=file, line=at, **told)


def _line_with(text: str, *wanted: str) -> int | None:
    """Number of the first line that holds the first of these that is anywhere in the text."""
    lines = text.splitlines()
    found = (n for one in wanted for n, line in enumerate(lines, 1) if one in line)
    return next(found, None)


def _stamp(path: Path) -> tuple[Any, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)
