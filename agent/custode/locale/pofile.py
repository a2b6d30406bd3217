"""A strict reader of one `.po` file (GNU gettext, "The Format of PO Files").

It takes what our catalogue uses and refuses the rest, so that a half-translated file is found by
the tests and not by a person: no fuzzy or empty entries, no duplicates, no contexts, UTF-8, and the
two plural forms that Italian shares with English.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEYWORD: Final = re.compile(r'(msgid|msgid_plural|msgstr|msgstr\[[01]\])\s+(".*")')
_ESCAPE: Final = re.compile(r'\\(.)|"')
_ESCAPES: Final = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}
_HEADERS: Final = (
    "Content-Type: text/plain; charset=UTF-8",
    "Plural-Forms: nplurals=2; plural=(n != 1);",
)


class CatalogueError(ValueError):
    """A line of the catalogue breaks a rule; the message names the line."""


class Entries(NamedTuple):
    """msgid → msgstr, and (msgid, msgid_plural) → both forms."""

    singular: Mapping[str, str]
    plural: Mapping[tuple[str, str], tuple[str, str]]


class _Reader:
    """Collects one entry at a time."""

    def __init__(self) -> None:
        self.singular: dict[str, str] = {}
        self.plural: dict[tuple[str, str], tuple[str, str]] = {}
        self.entry: dict[str, str] = {}
        self.keyword = ""
        self.header_seen = False

    def line(self, line: str) -> None:
        if not line:
            self.finish()
        elif line.startswith("#"):
            if line.startswith("#,") and "fuzzy" in line:
                raise CatalogueError("fuzzy")
        elif line.startswith('"'):
            if not self.keyword:
                raise CatalogueError("text without a keyword")
            self.entry[self.keyword] += _unquote(line)
        else:
            self.start(line)

    def start(self, line: str) -> None:
        found = _KEYWORD.fullmatch(line)
        if found is None:
            raise CatalogueError("not understood")
        keyword, text = found.groups()
        if keyword == "msgid":
            self.finish()
        if keyword in self.entry:
            raise CatalogueError(f"{keyword} twice")
        self.keyword = keyword
        self.entry[keyword] = _unquote(text)

    def finish(self) -> None:
        entry, self.entry, self.keyword = self.entry, {}, ""
        if not entry:
            return
        if set(entry) == {"msgid", "msgstr"}:
            self.one(entry["msgid"], entry["msgstr"])
        elif set(entry) == {"msgid", "msgid_plural", "msgstr[0]", "msgstr[1]"}:
            key = (entry["msgid"], entry["msgid_plural"])
            forms = (entry["msgstr[0]"], entry["msgstr[1]"])
            if key in self.plural or not all(forms):
                raise CatalogueError(f"twice or empty: {key[0]!r}")
            self.plural[key] = forms
        else:
            raise CatalogueError(f"an entry of {sorted(entry)}")

    def one(self, msgid: str, msgstr: str) -> None:
        if not msgid:
            if self.header_seen or any(header not in msgstr for header in _HEADERS):
                raise CatalogueError("header")
            self.header_seen = True
        elif msgid in self.singular or not msgstr:
            raise CatalogueError(f"twice or empty: {msgid!r}")
        else:
            self.singular[msgid] = msgstr


def _unquote(quoted: str) -> str:
    """Turn a quoted line into its text."""
    if len(quoted) < len('""') or not quoted.endswith('"'):
        raise CatalogueError("quotes")

    def put(found: re.Match[str]) -> str:
        letter = found.group(1)
        if letter not in _ESCAPES:
            raise CatalogueError(f"escape {found.group()!r}")
        return _ESCAPES[letter]

    return _ESCAPE.sub(put, quoted[1:-1])


def read(text: str) -> Entries:
    """Read the text of a `.po` file.

    :raises CatalogueError: when a line is not what our catalogue may hold
    """
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), 1):
        try:
            reader.line(line.strip())
        except CatalogueError as error:
            raise CatalogueError(f"line {number}: {error}") from error
    reader.finish()
    if not reader.header_seen:
        raise CatalogueError("no header")
    return Entries(reader.singular, reader.plural)
