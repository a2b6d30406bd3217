"""The report for support: what was found, versions, settings, the end of the logs; nobody's data.

A ZIP archive with `report.json`, `config.json`, `summary.json`, `audit.json` and `logs/`. What is
personal is taken out (`redaction`); where it cannot be known what is, the logs are left out.
"""

from __future__ import annotations

import io
import json
import os
import pwd
import re
import socket
import sqlite3
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from custode.daemon.store import Kind
from custode.doctor.keeping_checks import read_only
from custode.doctor.redaction import Redactor

if TYPE_CHECKING:
    from custode.doctor.patient import Patient
    from custode.paths import Paths

FORMAT: Final = 1
_LOG_LINES: Final = 300
_LOG_BYTES: Final = 128 << 10
_AUDIT_LINES: Final = 200
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

# Of each kind of record, what tells nothing about the person.
_SUMMARY: Final = {
    Kind.TOKENS: ("manufacturer", "model", "user_pin_failures", "so_pin_failures"),
    Kind.CERTIFICATES: ("state", "requested_at", "expires_at", "cancelled_at", "crl_reason"),
    Kind.BACKUPS: ("state", "kind", "created_at", "retired_why"),
    Kind.OPERATIONS: ("kind", "state", "began_at", "changed_at"),
}
# Values of records that are words of ours, however long.
_OUR_WORDS: Final = frozenset(
    {"manufacturer", "model", "state", "kind", "name", "reason", "type", "at", "retired_why"}
)

# A word of ours, or a time: every line of a log begins with one.
_PLAIN: Final = re.compile(r"([a-z]+|[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+(Z|[+-][0-9:]+)?)?)$")

Records = Mapping[Kind, list[dict[str, Any]]]


def make_bundle(answer: Mapping[str, Any], patient: Patient) -> bytes:
    """Make the archive of the doctor's answer."""
    paths = patient.paths
    records = _records(paths)
    redactor = _redactor(patient, records)
    report = {
        "format": FORMAT,
        "made_at": datetime.now(UTC).isoformat("T", "seconds"),
        **redactor.value(answer),
    }
    members: dict[str, str] = {
        "report.json": _json(report),
        "config.json": _json(_settings(patient, redactor)),
        "summary.json": _json(_summary(records, redactor)),
        "audit.json": _json(list(_audit(paths.audit))),
    }
    for log in (paths.log, paths.authority_log, paths.cli_log):
        if (text := _tail(log)) is not None:
            known = records is not None
            members[f"logs/{log.name}"] = redactor.lines(text) if known else "<left out>\n"
    return _zipped(members)


def _zipped(members: Mapping[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            entry = zipfile.ZipInfo(name, datetime.now(UTC).timetuple()[:6])
            entry.external_attr = 0o600 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text)
    return made.getvalue()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _tail(path: Path) -> str | None:
    """Last lines of a log; None when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return None
    return "\n".join(text.splitlines()[-_LOG_LINES:])


def _records(paths: Paths) -> Records | None:
    """Everything the agent remembers; None when that cannot be read."""
    if not paths.state.exists():
        return {}
    try:
        with closing(read_only(paths)) as database:
            return {
                kind: [
                    msgspec.json.decode(body, type=dict[str, Any])
                    for (body,) in database.execute(f"SELECT body FROM {kind}")  # noqa: S608 - our enum
                ]
                for kind in Kind
            }
    except (sqlite3.Error, msgspec.DecodeError):
        return None


def _redactor(patient: Patient, records: Records | None) -> Redactor:
    paths = patient.paths
    known: dict[str, str] = {}
    for text, kind in _personal(records or {}):
        known.setdefault(text, kind)
    for folder in _folders(patient):
        known.setdefault(folder, "folder")
    ours = {
        str(paths.config): "<config.toml>",
        str(paths.run): "<run>",
        str(paths.home): "<custode>",
        str(paths.log.parent): "<logs>",
    }
    homes = {str(Path.home()), str(Path.home().resolve()), os.environ.get("HOME", "")}
    for text in _of_this_computer():
        known.setdefault(text, "name")
    return Redactor(known, ours, homes)


def _folders(patient: Patient) -> Iterator[str]:
    """What the person chose to call folders, and put into the settings."""
    yield from (str(folder) for folder in patient.backup_folders)
    for module in patient.modules:
        yield from (value for value in module.env.values() if "/" in value)
        if "/" in module.watch:
            yield module.watch
    if address := patient.config.support.address:
        yield address


def _of_this_computer() -> Iterator[str]:
    """The account's name, its owner's, and the computer's; those that anybody has tell nothing."""
    found = {socket.gethostname()}
    with suppress(KeyError):
        entry = pwd.getpwuid(os.getuid())
        found |= {entry.pw_name, *entry.pw_gecos.split(",")}
    yield from found - {"", "root", "localhost", "user"}


def _personal(records: Records) -> Iterator[tuple[str, str]]:
    """Every text of the records that may be personal, and what it is."""
    for kind, rows in records.items():
        for row in rows:
            for key, text in _leaves(row, ""):
                if kind is Kind.IDENTITIES:
                    yield from _parts(text, "identity")
                elif key in {"label", "serial"}:
                    yield text, key
                elif key not in _OUR_WORDS and not _PLAIN.match(text):
                    yield text, key or "text"


def _parts(text: str, kind: str) -> Iterator[tuple[str, str]]:
    """A name, and each of its words; a mail address, and what stands before the @."""
    yield text, kind
    for part in text.replace("@", " ").split():
        yield part, kind


def _leaves(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield from _leaves(one, name)
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one, key)


def _settings(patient: Patient, redactor: Redactor) -> dict[str, Any]:
    """The settings: which there are, and of those that may be personal only that there are."""
    rows = {}
    for setting in patient.config.settings():
        value = setting.value
        if isinstance(value, dict) and "env" in value:
            value = {**value, "env": dict.fromkeys(value["env"], "<set>")}
            value["init_args"] = "<set>" if value.get("init_args") else ""
        elif setting.key == "authority.url" and value:
            host = urlsplit(value).hostname or ""
            value = value if host in _LOOPBACK else redactor.hashed(value, "address")
        elif setting.key in {"authority.pin_sha256", "support.address"} and value:
            value = redactor.hashed(value, "value")
        elif setting.key == "backup.watch":
            value = [redactor.hashed(str(folder), "folder") for folder in value]
        given = "default" if setting.source == "default" else "config.toml"
        rows[setting.key] = {"value": redactor.value(value), "from": given}
    return rows


def _summary(records: Records | None, redactor: Redactor) -> dict[str, Any] | None:
    """What the agent remembers, without whose it is."""
    if records is None:
        return None
    made: dict[str, Any] = {
        kind.value: [
            {name: redactor.value(row[name]) for name in names if row.get(name) is not None}
            for row in records.get(kind, [])
        ]
        for kind, names in _SUMMARY.items()
    }
    made["identities"] = len(records.get(Kind.IDENTITIES, []))
    return made


def _audit(path: Path) -> Iterator[dict[str, Any]]:
    """The end of the audit log: what happened when, never to what."""
    text = _tail(path) or ""
    for line in text.splitlines()[-_AUDIT_LINES:]:
        with suppress(msgspec.DecodeError, KeyError):
            entry = msgspec.json.decode(line, type=dict[str, Any])
            yield {"seq": entry["seq"], "at": entry["at"], "name": entry["name"]}
