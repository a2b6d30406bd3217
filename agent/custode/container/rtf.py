"""Rich Text Format 1.9.1, as little of it as a leaflet needs."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

_HEAD: Final = (
    r"{\rtf1\ansi\ansicpg1252\deff0\uc1"
    r"{\fonttbl{\f0\fswiss Arial;}{\f1\fmodern Courier New;}}"
    "\n"
)
_CONTROL: Final = 0x20
_ASCII_END: Final = 0x7F
_SIGN_BIT: Final = 0x8000  # \u takes a signed 16-bit number


class Style(StrEnum):
    """How a paragraph looks; the value is its RTF."""

    TITLE = r"\pard\sa240\f0\fs36\b "
    HEADING = r"\pard\sb240\sa120\f0\fs26\b "
    TEXT = r"\pard\sa120\f0\fs22\b0 "
    ITEM = r"\pard\li360\fi-200\sa80\f0\fs22\b0 \'95 "
    COMMAND = r"\pard\li360\sa120\f1\fs20\b0 "


def escape(text: str) -> str:
    r"""Text as RTF: `\ { }` escaped, what is not ASCII as `\uN?`, control characters left out."""
    return "".join(map(_escape, text))


def document(paragraphs: Iterable[tuple[Style, str]]) -> bytes:
    """An RTF document, ASCII throughout."""
    body = "".join(f"{style.value}{escape(text)}\\par\n" for style, text in paragraphs)
    return f"{_HEAD}{body}}}\n".encode("ascii")


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
