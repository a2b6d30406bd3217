"""`Leggimi.rtf`: what a backup's folder is, and what to do on the day it is needed.

It lies beside the copy for years and may be read by whoever finds it: nothing in it says whose it
is. Italian first, then English.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from custode.container import leggimi_text as words
from custode.container.rtf import Chapter, Paragraph, Run, Style, document
from custode_authority.wire.states import BackupKind

FILE_NAME: Final = "Leggimi.rtf"

# The longer marks first: a paragraph is what the first mark that fits says.
_MARKS: Final = {
    "!# ": Style.BOX_HEADING,
    "! ": Style.BOX,
    "## ": Style.HEADING,
    "# ": Style.TITLE,
    "~ ": Style.SUBTITLE,
    "- ": Style.ITEM,
    ": ": Style.CAPTION,
    "$ ": Style.COMMAND,
}
_STEPS: Final = frozenset("123456789")
_BOLD: Final = "**"


class _Language(NamedTuple):
    """One of the two: its number ([MS-LCID]) and its words."""

    number: int
    text: str
    authority: str
    export: str
    nobody: str


_LANGUAGES: Final = (
    _Language(
        1040,
        words.ITALIAN,
        words.AUTHORITY_ITALIAN,
        words.EXPORT_ITALIAN,
        words.NOBODY_ITALIAN,
    ),
    _Language(
        2057,
        words.ENGLISH,
        words.AUTHORITY_ENGLISH,
        words.EXPORT_ENGLISH,
        words.NOBODY_ENGLISH,
    ),
)


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
    chapters = [
        Chapter(language.number, _paragraphs(_text(language, at, leaflet), leaflet, at))
        for at, language in enumerate(_LANGUAGES)
    ]
    footer = f"Custode · {FILE_NAME} · {leaflet.backup_id} · "
    return document("Copia di sicurezza di un certificato", footer, chapters)


def _text(language: _Language, at: int, leaflet: Leaflet) -> str:
    """The words that this kind of backup and this place of the authority want."""
    text = language.text
    for name, both in words.KINDS[leaflet.kind].items():
        text = text.replace(f"@{name}@", both[at])
    embedded = leaflet.embedded_authority
    return (
        text.replace("@authority@", language.authority if embedded else "")
        .replace("@export@", language.export if embedded else "")
        .replace("@support@", "**{support}**" if leaflet.support else language.nobody.strip())
    )


def _paragraphs(text: str, leaflet: Leaflet, chapter: int) -> Iterator[Paragraph]:
    """Blocks between empty lines; filled in run by run, so that no value makes another of them."""
    values = {
        "backup_id": leaflet.backup_id,
        "created": f"{leaflet.created:%d/%m/%Y}",
        "authority": leaflet.authority_name,
        "support": leaflet.support,
    }
    for block in text.strip().split("\n\n"):
        if joined := " ".join(block.split()):
            mark, style = _style(joined)
            if style is Style.TITLE and chapter:
                style = Style.TITLE_ON_NEW_PAGE
            lead = {Style.ITEM: "•", Style.STEP: mark.rstrip()}.get(style, "")
            yield Paragraph(style, tuple(_runs(joined.removeprefix(mark), values)), lead)


def _style(block: str) -> tuple[str, Style]:
    """What a block begins with, and what that makes of it."""
    for mark, style in _MARKS.items():
        if block.startswith(mark):
            return mark, style
    if block[0] in _STEPS and block[1:3] == ". ":
        return block[:3], Style.STEP
    return "", Style.TEXT


def _runs(text: str, values: dict[str, str]) -> Iterator[Run]:
    for at, part in enumerate(text.split(_BOLD)):
        if part:
            yield Run(part.format_map(values), bold=at % 2 == 1)
