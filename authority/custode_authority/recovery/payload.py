"""What is inside a recovery export: the authority's files, each by its name.

The server's and the OCSP responder's keys are left out: they are made anew when they are missing.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Final

from cryptography.hazmat import asn1

if TYPE_CHECKING:
    from custode_authority.ca.home import Home

DATABASE: Final = "authority.sqlite"
SETTINGS: Final = "authority.json"
CA_CERTIFICATE: Final = "ca.pem"
# Every one of these must be there, and beside them only the accounts' API keys.
REQUIRED: Final = frozenset(
    {
        DATABASE,
        SETTINGS,
        CA_CERTIFICATE,
        "bootstrap.key",
        "keys/unlock",
        "keys/ca.key",
        "keys/statements.key",
        "keys/statements.pem",
    }
)
_ACCOUNT: Final = re.compile(r"accounts/[A-Z0-9]{3,16}\.key\Z")
_WAL_VERSIONS: Final = slice(18, 20)

Files = Mapping[str, bytes]


class PayloadInvalid(Exception):
    """Not the files of an authority."""


@asn1.sequence
class _File:
    """One file: a path below the authority's folder, and its bytes."""

    name: str
    content: bytes


@asn1.sequence
class _Files:
    """All of them, sorted by name."""

    files: list[_File]


def collect(home: Home) -> dict[str, bytes]:
    """Read an authority's files; the database as of one moment, whoever is writing to it.

    :raises OSError: one cannot be read
    :raises sqlite3.Error: the database cannot
    """
    found = {name: (home.folder / name).read_bytes() for name in REQUIRED - {DATABASE}}
    for path in sorted((home.folder / "accounts").glob("*.key")):
        found[f"accounts/{path.name}"] = path.read_bytes()
    found[DATABASE] = _snapshot(home)
    return found


def encode(files: Files) -> bytes:
    """DER of the files; only what `decode` takes.

    :raises PayloadInvalid: other names than an authority's
    """
    _check(files)
    rows = [_File(name=name, content=files[name]) for name in sorted(files)]
    return asn1.encode_der(_Files(files=rows))


def decode(der: bytes) -> dict[str, bytes]:
    """Read the files, strictly: each once, sorted, no other name than an authority's files have.

    :raises PayloadInvalid: anything else
    """
    try:
        rows = asn1.decode_der(_Files, der).files
    except ValueError:
        raise PayloadInvalid from None
    files = {row.name: row.content for row in rows}
    if [row.name for row in rows] != sorted(files):
        raise PayloadInvalid
    _check(files)
    return files


def _check(files: Files) -> None:
    more = files.keys() - REQUIRED
    if not files.keys() >= REQUIRED or not all(map(_ACCOUNT.match, more)):
        raise PayloadInvalid


def _snapshot(home: Home) -> bytes:
    """The database by SQLite's online backup: one transaction's view, nothing of it on a disk."""
    address = f"{home.database.absolute().as_uri()}?mode=rw"  # ro could not read through a log
    with (
        closing(sqlite3.connect(address, uri=True, timeout=10)) as source,
        closing(sqlite3.connect(":memory:")) as copy,
    ):
        source.backup(copy)
        data = bytearray(copy.serialize())
    # It says "with a write-ahead log" and has none: as without (SQLite file format, §1.3.3).
    data[_WAL_VERSIONS] = b"\x01\x01"
    return bytes(data)
