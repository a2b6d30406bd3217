"""`Leggimi.rtf`: what a backup's folder is, and what to do on the day it is needed.

It lies beside the copy for years and may be read by whoever finds it: nothing in it says whose it
is. Italian first, then English.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from custode.container.leggimi_text import (
    AUTHORITY_ENGLISH,
    AUTHORITY_ITALIAN,
    ENGLISH,
    ITALIAN,
    KINDS,
    NOBODY_ENGLISH,
    NOBODY_ITALIAN,
)
from custode.container.rtf import Style, document
from custode_authority.wire.states import BackupKind

FILE_NAME: Final = "Leggimi.rtf"

_MARKS: Final = {
    "# ": Style.TITLE,
    "## ": Style.HEADING,
    "- ": Style.ITEM,
    "$ ": Style.COMMAND,
}


@dataclass(frozen=True, slots=True)
class Leaflet:
    """What differs from one leaflet to the next.

    `created` is the day in Rome; `support` whom to write to, may be empty; `embedded_authority`
    whether the authority lives on the same computer, so that losing it has to be spoken of.
    A copy serves in other cases than a successor: `kind`.
    """

    backup_id: str
    created: date
    authority_name: str
    support: str
    embedded_authority: bool
    kind: BackupKind = BackupKind.SUCCESSOR


def render(leaflet: Leaflet) -> bytes:
    """The leaflet as RTF, ASCII bytes."""
    languages = (
        (ITALIAN, AUTHORITY_ITALIAN, NOBODY_ITALIAN),
        (ENGLISH, AUTHORITY_ENGLISH, NOBODY_ENGLISH),
    )
    return document(
        paragraph
        for language, (text, authority, nobody) in enumerate(languages)
        for paragraph in _paragraphs(
            _of_kind(text, leaflet.kind, language)
            .replace("@authority@", authority if leaflet.embedded_authority else "")
            .replace("@support@", "{support}" if leaflet.support else nobody),
            leaflet,
        )
    )


def _of_kind(text: str, kind: BackupKind, language: int) -> str:
    for name, words in KINDS[kind].items():
        text = text.replace(f"@{name}@", words[language])
    return text


def _paragraphs(text: str, leaflet: Leaflet) -> Iterator[tuple[Style, str]]:
    """Blocks between empty lines; filled in block by block, so that no value begins a new one."""
    values = {
        "backup_id": leaflet.backup_id,
        "created": f"{leaflet.created:%d/%m/%Y}",
        "authority": leaflet.authority_name,
        "support": leaflet.support,
    }
    for block in text.strip().split("\n\n"):
        joined = " ".join(block.split())
        mark = next((mark for mark in _MARKS if joined.startswith(mark)), "")
        if joined:
            yield _MARKS.get(mark, Style.TEXT), joined.removeprefix(mark).format_map(values)
