"""Looks for a text that must not be in a folder, in every encoding it might have got there in.

Compressed and encrypted content is out of reach: a document that is a ZIP archive inside hides its
text from this search, and that is said to people.
"""

from __future__ import annotations

import base64
import contextlib
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
# Markup and transfer encodings in which some or all characters are written otherwise: `code` is a
# decimal code unit, `hex` a code point, `byte` one byte; a match without any of them is a filler.
_ESCAPES: Final = {
    "rtf": rb"\\u(?P<code>-?[0-9]{1,5})(?: |\?|\\'[0-9a-f]{2})?|\\'(?P<byte>[0-9a-f]{2})|[\r\n]",
    "json": rb"\\u(?P<hex>[0-9a-f]{4})",
    "html": rb"&#(?P<code>[0-9]{1,5});|&#x(?P<hex>[0-9a-f]{1,5});",
    "percent": rb"%(?P<byte>[0-9a-f]{2})",
    "quoted-printable": rb"=(?P<byte>[0-9a-f]{2})|=\r?\n",
}
_PATTERNS: Final = {name: re.compile(one, re.IGNORECASE) for name, one in _ESCAPES.items()}
_WHITE: Final = b" \t\r\n"
_HEX_FILLERS: Final = _WHITE + b":-,"


@dataclass(frozen=True, slots=True)
class Found:
    """A text that should not be there; `where` is a path inside the folder, "" its own name."""

    where: str
    encoding: str


def find(data: bytes, texts: Iterable[str]) -> str | None:
    """Name of the encoding in which one of `texts` is in `data`, whatever its case; else None."""
    haystacks = {"": data.lower()}
    for name, pattern in _PATTERNS.items():
        unescaped, changes = pattern.subn(_unescape, data)
        if changes:
            haystacks[f", {name}"] = unescaped.lower()
    squeezed = {
        "hex": _squeeze(data.lower(), _HEX_FILLERS),
        "base64": _squeeze(data, _WHITE).translate(bytes.maketrans(b"-_", b"+/")),
    }
    for text in texts:
        if len(text) < MIN_LENGTH:
            continue
        for charset, raw in _written(text):
            for name, haystack in haystacks.items():
                if raw.lower() in haystack:
                    return charset + name
            for name, needle in _transferred(raw):
                if needle in squeezed[name]:
                    return f"{charset} in {name}"
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


def _unescape(match: re.Match[bytes]) -> bytes:
    groups = match.groupdict()
    if groups.get("byte"):
        return bytes([int(groups["byte"], 16)])
    if groups.get("code"):
        # RTF's numbers are signed 16-bit.
        return chr(int(groups["code"]) % 0x10000).encode(errors="surrogatepass")
    if groups.get("hex"):
        return chr(int(groups["hex"], 16)).encode(errors="surrogatepass")
    return b""


def _written(text: str) -> Iterator[tuple[str, bytes]]:
    """The text forwards and backwards, in every case that has a form, in every character set."""
    for cased, charset in product(sorted({text, text.lower(), text.upper()}), _CHARSETS):
        with contextlib.suppress(UnicodeEncodeError):  # the character set lacks a letter of it
            yield charset, cased.encode(charset)
            yield f"{charset} reversed", cased[::-1].encode(charset)


def _transferred(raw: bytes) -> Iterator[tuple[str, bytes]]:
    yield "hex", raw.hex().encode()
    for offset in range(3):
        yield "base64", _base64_at(raw, offset)


def _base64_at(raw: bytes, offset: int) -> bytes:
    """The characters that `raw` has for certain when `offset` bytes (modulo 3) stand before it."""
    encoded = base64.b64encode(bytes(offset) + raw)
    return encoded[(offset * 8 + 5) // 6 : (offset + len(raw)) * 8 // 6]
