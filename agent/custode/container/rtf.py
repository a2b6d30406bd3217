r"""Rich Text Format 1.9.1, as little of it as a well laid out leaflet needs.

Everything a reader may leave out (colours, boxes, footer) is ornament: WordPad, Word, LibreOffice
and a reader that knows nothing but `\par` all show the same words in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

_CONTROL: Final = 0x20
_ASCII_END: Final = 0x7F
_SIGN_BIT: Final = 0x8000  # \u takes a signed 16-bit number

# Colours by their place in the table: 1 headings, 2 what matters less, 3 alarm, 4 behind commands,
# 5 behind the box, 6 around the box.
_COLOURS: Final = ("0b5cad", "535c67", "b3211a", "eef1f5", "fff6e0", "b07400")
# A4 (twips: 1440 an inch), two centimetres of margin.
_PAGE: Final = r"\paperw11906\paperh16838\margl1134\margr1134\margt1134\margb1134\widowctrl"
_BORDER: Final = "".join(rf"\brdr{side}\brdrs\brdrw12\brsp90\brdrcf6" for side in "tlbr")
# Neighbours with the same border, indents and spacing are one box: so all of them have the same.
_BOXED: Final = rf"\li170\ri170\sa60{_BORDER}\cbpat5"


class Style(StrEnum):
    """How a paragraph looks; the value is its RTF."""

    TITLE = r"\pard\keepn\sa60\f0\fs40\cf1\b "
    TITLE_ON_NEW_PAGE = r"\pard\pagebb\keepn\sa60\f0\fs40\cf1\b "
    SUBTITLE = r"\pard\sa30\f0\fs18\cf2\b0 "
    BOX_HEADING = rf"\pard\keepn\sb200{_BOXED}\f0\fs24\cf3\b "
    BOX = rf"\pard\keep\sb0{_BOXED}\f0\fs21\cf0\b0 "
    HEADING = r"\pard\keepn\sb240\sa100\f0\fs26\cf1\b "
    TEXT = r"\pard\sa100\f0\fs21\cf0\b0 "
    ITEM = r"\pard\li397\fi-284\tx397\sa60\f0\fs21\cf0\b0 "
    STEP = r"\pard\li454\fi-454\tx454\sa100\f0\fs21\cf0\b0 "
    CAPTION = r"\pard\keepn\sb60\sa20\f0\fs19\cf2\b0 "
    COMMAND = r"\pard\li113\ri113\sa40\cbpat4\f1\fs18\cf0\b0 "


class Run(NamedTuple):
    """Some text of a paragraph."""

    text: str
    bold: bool = False


class Paragraph(NamedTuple):
    """One paragraph; bold runs stand out only where the style itself is not bold.

    `lead` stands before the text and apart from it: a bullet, the number of a step.
    """

    style: Style
    runs: Sequence[Run]
    lead: str = ""


class Chapter(NamedTuple):
    """Paragraphs in one language: `language` is its number ([MS-LCID]), for spelling checkers."""

    language: int
    paragraphs: Iterable[Paragraph]


def escape(text: str) -> str:
    r"""Text as RTF: `\ { }` escaped, what is not ASCII as `\uN?`, control characters left out."""
    return "".join(map(_escape, text))


def document(title: str, footer: str, chapters: Iterable[Chapter]) -> bytes:
    """An RTF document, ASCII throughout; each page ends with `footer` and its number."""
    body = "".join(
        f"\\lang{chapter.language}\n" + "".join(map(_paragraph, chapter.paragraphs))
        for chapter in chapters
    )
    return f"{_head(title, footer)}{body}}}\n".encode("ascii")


def _head(title: str, footer: str) -> str:
    colours = "".join(
        rf"\red{int(one[:2], 16)}\green{int(one[2:4], 16)}\blue{int(one[4:], 16)};"
        for one in _COLOURS
    )
    return (
        r"{\rtf1\ansi\ansicpg1252\deff0\uc1"
        r"{\fonttbl{\f0\fswiss\fcharset0 Arial;}{\f1\fmodern\fcharset0 Courier New;}}"
        rf"{{\colortbl;{colours}}}"
        rf"{{\info{{\title {escape(title)}}}}}"
        f"\n{_PAGE}"
        rf"{{\footer\pard\qc\f0\fs16\cf2 {escape(footer)}\chpgn\par}}"
        "\n"
    )


def _paragraph(paragraph: Paragraph) -> str:
    runs = "".join(
        rf"\b {escape(run.text)}\b0 " if run.bold else escape(run.text) for run in paragraph.runs
    )
    lead = f"{escape(paragraph.lead)}\\tab " if paragraph.lead else ""
    return f"{paragraph.style.value}{lead}{runs}\\par\n"


def _escape(character: str) -> str:
    if character in "\\{}":
        return "\\" + character
    code = ord(character)
    if _CONTROL <= code < _ASCII_END:
        return character
    if code < _CONTROL or code == _ASCII_END:
        return ""
    units = character.encode("utf-16-le", "surrogatepass")
    numbers = (int.from_bytes(units[at : at + 2], "little") for at in range(0, len(units), 2))
    return "".join(f"\\u{n - 0x10000 if n >= _SIGN_BIT else n}?" for n in numbers)
