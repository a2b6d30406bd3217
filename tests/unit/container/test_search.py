"""The search finds a text however it is written, and nothing where nothing is."""

import base64
import os
import quopri
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest

from custode.container import search
from custode.container.rtf import escape

SECRET = "PRVTST80A01H501X"
NAME = "Prova Àncora"


def percent(text: str) -> bytes:
    return "".join(f"%{byte:02X}" for byte in text.encode()).encode()


WAYS: dict[str, Callable[[str], bytes]] = {
    "utf-8": str.encode,
    "lower case": lambda text: text.lower().encode(),
    "mixed case": lambda text: text.title().encode(),
    "latin-1": lambda text: text.encode("latin-1"),
    "utf-16-le": lambda text: text.encode("utf-16-le"),
    "utf-16-be": lambda text: text.encode("utf-16-be"),
    "utf-32-le": lambda text: text.encode("utf-32-le"),
    "utf-32-be": lambda text: text.encode("utf-32-be"),
    "reversed": lambda text: text[::-1].encode(),
    "hex": lambda text: text.encode().hex().encode(),
    "hex, upper": lambda text: text.encode().hex().upper().encode(),
    "hex, parted": lambda text: text.encode().hex(":").encode(),
    "hex, lines": lambda text: text.encode().hex("\n", 5).encode(),
    "hex of utf-16": lambda text: text.encode("utf-16-le").hex().encode(),
    "base64, 0": lambda text: base64.b64encode(b"abc" + text.encode() + b"d"),
    "base64, 1": lambda text: base64.b64encode(b"a" + text.encode() + b"de"),
    "base64, 2": lambda text: base64.b64encode(b"ab" + text.encode()),
    "base64, lower": lambda text: base64.b64encode(b"ab" + text.lower().encode()),
    "base64, url": lambda text: base64.urlsafe_b64encode(b"\xff\xfe" + text.encode()),
    "base64, lines": lambda text: base64.encodebytes(bytes(52) + text.encode()),
    "base64 of utf-16": lambda text: base64.b64encode(text.encode("utf-16-le")),
    "rtf, unicode": lambda text: "".join(f"\\u{ord(one)}?" for one in text).encode(),
    "rtf, spaces": lambda text: "".join(f"\\u{ord(one)} " for one in text).encode(),
    "rtf, hex": lambda text: "".join(f"\\'{ord(one):02x}" for one in text).encode(),
    "json": lambda text: "".join(f"\\u{ord(one):04X}" for one in text).encode(),
    "html": lambda text: "".join(f"&#{ord(one)};" for one in text).encode(),
    "html, hex": lambda text: "".join(f"&#x{ord(one):X};" for one in text).encode(),
    "percent": percent,
    "quoted-printable": lambda text: "".join(f"={byte:02X}" for byte in text.encode()).encode(),
}


@pytest.mark.parametrize("way", WAYS)
def test_found(way: str) -> None:
    data = os.urandom(99) + WAYS[way](SECRET) + os.urandom(99)
    assert search.find(data, ["nothing of the kind", SECRET])


@pytest.mark.parametrize(
    "data",
    [
        NAME.encode(),
        NAME.upper().encode(),
        NAME.encode("latin-1"),
        NAME.encode("utf-16-le"),
        base64.b64encode(NAME.encode()),
        escape(NAME).encode(),
        urllib.parse.quote(NAME).encode(),
        quopri.encodestring(NAME.encode()),
    ],
)
def test_names_with_letters_that_are_not_ascii(data: bytes) -> None:
    assert search.find(b"x" + data if data[1:2] != b"\0" else data, [NAME])


def test_not_found() -> None:
    assert search.find(os.urandom(100_000), [SECRET, NAME]) is None
    assert search.find(SECRET[:-1].encode(), [SECRET]) is None
    assert search.find(b"", [SECRET]) is None
    assert search.find(b"anything at all", []) is None


def test_short_texts_are_met_by_chance() -> None:
    assert search.find(b"abc", ["abc", ""]) is None
    assert search.find(b"abcd", ["abcd"]) == "utf-8"


def test_a_code_point_outside_the_basic_plane() -> None:
    assert search.find(b"&#x1f600; &#x1F600;abc", ["\U0001f600abc"]) == "utf-8, html"


def test_no_character_set_has_everything() -> None:
    assert search.find("日本語です".encode(), ["日本語です"]) == "utf-8"


def test_folders(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    (folder / "deep").mkdir(parents=True)
    (folder / "good.txt").write_bytes(b"nothing")
    assert search.scan(folder, [SECRET]) == []
    (folder / "deep" / "bad.txt").write_bytes(SECRET.encode("utf-16-be"))
    (folder / f"{SECRET.lower()}.txt").write_bytes(b"")
    assert search.scan(folder, [SECRET]) == [
        search.Found("deep/bad.txt", "utf-16-be"),
        search.Found(f"{SECRET.lower()}.txt", "utf-8"),
    ]
    assert search.scan(folder.rename(tmp_path / f"x{SECRET}"), [SECRET])[0].where == ""
