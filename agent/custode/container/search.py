"""Looks for a text that must not be in a folder, in every encoding it might have got there in.

Compressed and encrypted content is out of reach: a document that is a ZIP archive inside hides its
text from this search, and that is said to people.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

# Shorter texts are met by chance; they are not looked for.
MIN_LENGTH: Final = 4

_CHARSETS: Final = ("utf-8", "latin-1", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
# One character each, as markup and transfer encodings write it. "x" stands for two hex digits, "X"
# for four, "D" for the decimal number.
_ESCAPES: Final = {
    "rtf": (r"\uD?", r"\uD ", r"\'x"),
    "json": (r"\uX",),
    "html": ("&#D;", "&#xx;"),
    "percent": ("%x",),
    "quoted-printable": ("=x",),
}
_WHITE: Final = b" \t\r\n"
_HEX_FILLERS: Final = _WHITE + b":-,"


@dataclass(frozen=True, slots=True)
class Found:
    """A text that should not be there; `where` is a path inside the folder, "" its own name."""

    where: str
    encoding: str


def find(data: bytes, texts: Iterable[str]) -> str | None:
    """Name of the encoding in which one of `texts` is in `data`, whatever its case; else None."""
    lowered = data.lower()
    haystacks = {
        "plain": lowered,
        "escaped": _squeeze(lowered, b"\r\n"),
        "hex": _squeeze(lowered, _HEX_FILLERS),
        "base64": _squeeze(data, _WHITE).translate(bytes.maketrans(b"-_", b"+/")),
    }
    for text in texts:
        if len(text) >= MIN_LENGTH:
            for encoding, haystack, needle in _needles(text):
                if needle in haystacks[haystack]:
                    return encoding
    return None


def scan(folder: Path, texts: Iterable[str]) -> list[Found]:
    """Every place in a folder, names included, that holds one of `texts`."""
    wanted = tuple(texts)
    found = []
    for path in sorted([folder, *folder.rglob("*")]):
        inside = "" if path == folder else str(path.relative_to(folder))
        # In a FAT folder and elsewhere names are bytes to us; a hit in one is a hit.
        for data in (os.fsencode(path.name), path.read_bytes() if path.is_file() else b""):
            encoding = find(data, wanted)
            if encoding is not None:
                found.append(Found(inside, encoding))
    return found


def _squeeze(data: bytes, fillers: bytes) -> bytes:
    return data.translate(None, delete=fillers)


def _needles(text: str) -> Iterator[tuple[str, str, bytes]]:
    """Name of the encoding, which haystack to look in, and what to look for."""
    for written, charset in product(sorted({text, text.lower(), text.upper()}), _CHARSETS):
        try:
            raw = written.encode(charset)
        except UnicodeEncodeError:
            continue
        yield charset, "plain", raw.lower()
        yield f"{charset} reversed", "plain", written[::-1].encode(charset).lower()
        yield f"{charset} in hex", "hex", raw.hex().encode()
        for offset in range(3):
            yield f"{charset} in base64", "base64", _base64_at(raw, offset)
    for written in sorted({text.lower(), text.upper()}):
        for name, templates in _ESCAPES.items():
            for template in templates:
                escaped = "".join(_escape(template, one) for one in written)
                yield name, "escaped", escaped.lower().encode()


def _base64_at(raw: bytes, offset: int) -> bytes:
    """The characters that `raw` has for certain when `offset` bytes (modulo 3) stand before it."""
    encoded = base64.b64encode(bytes(offset) + raw)
    return encoded[(offset * 8 + 5) // 6 : (offset + len(raw)) * 8 // 6]


def _escape(template: str, character: str) -> str:
    code = ord(character)
    forms = {"D": str(code), "X": f"{code:04x}", "x": f"{code:02x}"}
    # "&#xx;": the first x belongs to HTML.
    return re.sub(r"D|X|(?<!#)x", lambda match: forms[match[0]], template)
