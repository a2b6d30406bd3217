"""`Leggimi.rtf` as a word processor shows it: opened by LibreOffice, printed, looked at."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import pytest

from custode.container.leggimi import Leaflet, render
from custode_authority.wire.states import BackupKind

LEAFLET: Final = Leaflet(
    backup_id="0123456789abcdef" * 2,
    created=date(2026, 5, 4),
    authority_name="Autorità «Però» – 測試",
    support="supporto@example.invalid",
    embedded_authority=True,
    kind=BackupKind.COPY,  # the longer text of the two
)
ITALIAN: Final = (
    "Copia di sicurezza di un certificato",
    "L’essenziale",
    "Che cos’è questa cartella",
    "Finché il certificato originale è attivo",
    "Se l’originale si smarrisce, viene rubato o si guasta",
    "Se si dimentica un PIN",
    "Se si perde questa cartella",
    "Se si perde il computer",
    "A chi rivolgersi",
    "Gli stessi passi da un terminale",
)
ENGLISH: Final = (
    "Backup of a certificate",
    "In short",
    "What this folder is",
    "While the original certificate is active",
    "If the original is lost, stolen or broken",
    "If you forget a PIN",
    "If you lose this folder",
    "If you lose the computer",
    "Whom to turn to",
    "The same steps in a terminal",
)
DEADLINE_S: Final = 120  # a first start, on a machine with much else to do
_DOTS: Final = 50  # an inch
_BOX: Final = bytes.fromhex("fff6e0")
_HEADING: Final = bytes.fromhex("0b5cad")


@dataclass(frozen=True)
class Printed:
    """The leaflet on paper: the text of each page, and each page as rows of pixels."""

    pages: list[str]
    pictures: list[list[list[bytes]]]


def _run(*command: str | Path) -> bytes:
    done = subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE_S)
    return done.stdout


def _rows(ppm: bytes) -> list[list[bytes]]:
    """The pixels of a portable pixmap (P6, eight bits)."""
    found = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", ppm)
    assert found
    width, height = int(found[1]), int(found[2])
    body = ppm[found.end() :]
    pixels = [body[at : at + 3] for at in range(0, len(body), 3)]
    return [pixels[row * width : (row + 1) * width] for row in range(height)]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Printed:
    folder = tmp_path_factory.mktemp("leaflet")
    (folder / "Leggimi.rtf").write_bytes(render(LEAFLET))
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    to_pdf = ("--headless", "--convert-to", "pdf", "--outdir", folder)
    _run("soffice", profile, *to_pdf, folder / "Leggimi.rtf")
    paper = folder / "Leggimi.pdf"
    text = _run("pdftotext", "-layout", paper, "-").decode()
    _run("pdftoppm", "-r", str(_DOTS), paper, folder / "page")
    pictures = [_rows(page.read_bytes()) for page in sorted(folder.glob("page*.ppm"))]
    return Printed(text.split("\f")[:-1], pictures)


def test_two_pages_a_language(printed: Printed) -> None:
    assert len(printed.pages) == len(printed.pictures) == 4
    assert ITALIAN[0] in printed.pages[0]
    assert ENGLISH[0] in printed.pages[2]
    for number, page in enumerate(printed.pages, 1):
        assert page.rstrip().endswith(f"{LEAFLET.backup_id} · {number}")


def test_headings_in_order_and_every_letter_right(printed: Printed) -> None:
    for headings, pages in ((ITALIAN, printed.pages[:2]), (ENGLISH, printed.pages[2:])):
        lines = [line.strip() for line in "\n".join(pages).splitlines()]
        places = [lines.index(heading) for heading in headings]
        assert places == sorted(places)
        assert any(re.search(r"Autorità «Però» – 測試", line) for line in lines)
        assert any(re.match(r"1\. +(Segnalare|Report)", line) for line in lines)
        assert sum(line.startswith("•") for line in lines) == 5
        assert f"custode backup retire {LEAFLET.backup_id}" in lines
    text = "\n".join(printed.pages)
    assert text.count("supporto@example.invalid") == 4
    assert "→ Attiva una copia…" in text
    assert not re.search(r"[\\{}@�]|\*\*", text.replace("supporto@", ""))


def test_it_looks_as_it_was_meant(printed: Printed) -> None:
    first = printed.pictures[0]
    boxed = [at for at, row in enumerate(first) if row.count(_BOX) > len(row) // 3]
    assert boxed, "the essential stands in a box"
    assert len(first) * 0.08 < boxed[0] < boxed[-1] < len(first) * 0.45
    assert any(_HEADING in row for row in first[: boxed[0]]), "the title stands out above it"
    for picture in printed.pictures:
        margin = round(0.6 * _DOTS)  # of 0.79 inches
        sides = [*(row[:margin] for row in picture), *(row[-margin:] for row in picture)]
        assert all(pixel == b"\xff\xff\xff" for side in sides for pixel in side)
