"""The leaflet: RTF that says what was meant, in both languages, and nothing about its owner."""

import re
from dataclasses import replace
from datetime import date
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.container.conftest import rtf_to_text

from custode.container.leggimi import Leaflet, render
from custode.container.rtf import Chapter, Paragraph, Run, Style, document, escape
from custode_authority.wire.states import BackupKind

LEAFLET: Final = Leaflet(
    backup_id="0123456789abcdef" * 2,
    created=date(2026, 5, 4),
    authority_name="Autorità di prova",
    support="supporto@example.invalid",
    embedded_authority=True,
)
COMMANDS = (
    "custode backup verify",
    "custode backup open",
    "custode report lost",
    "custode report theft",
    "custode report malfunction",
    "custode backup activate",
    "custode token list",
    "custode token init",
    "custode backup restore",
    f"custode backup retire {LEAFLET.backup_id}",
)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_any_text_comes_back(text: str) -> None:
    paragraph = Paragraph(Style.TEXT, [Run(text), Run(text, bold=True)], lead="1.")
    written = document(text, text, [Chapter(1040, [paragraph])])
    assert rtf_to_text(written) == f"1.\t{text}{text}\n"


@pytest.mark.parametrize(
    ("text", "rtf"),
    [
        ("a", "a"),
        (r"\{}", r"\\\{\}"),
        ("è", r"\u232?"),
        ("\uffff", r"\u-1?"),
        ("😀", r"\u-10179?\u-8704?"),
        ("a\nb\x00\x7f", "ab"),
        ("\x85", r"\u133?"),
        ("\udc80", r"\u-9088?"),
    ],
)
def test_escapes(text: str, rtf: str) -> None:
    assert escape(text) == rtf


def test_it_says_what_to_do_in_both_languages() -> None:
    text = rtf_to_text(render(LEAFLET))
    italian, _, english = text.partition("Backup of a certificate")
    assert english
    for part in (italian, english):
        places = [part.index(command) for command in COMMANDS]
        assert places == sorted(places)
        assert "04/05/2026" in part
        assert "supporto@example.invalid" in part
        assert part.count("Autorità di prova") == 2
    assert "La copia non può essere utilizzata" in italian
    assert "riemissione" in italian
    assert "re-issue" in english


def test_of_a_copy_it_promises_nothing_after_a_loss() -> None:
    text = rtf_to_text(render(replace(LEAFLET, kind=BackupKind.COPY)))
    italian, _, english = text.partition("Backup of a certificate")
    for part, own, spare in (
        (italian, "la chiave stessa dell’originale", "chiave di riserva"),
        (english, "the original’s own key", "spare key"),
    ):
        assert own in part
        assert spare not in part
        assert "--reason malfunction" in part
        assert "--reason lost" not in part
        places = [part.index(command) for command in COMMANDS]
        assert places == sorted(places)
    assert "@" not in text.replace("supporto@example.invalid", "")
    assert "@" not in rtf_to_text(render(LEAFLET)).replace("supporto@example.invalid", "")


def test_it_is_one_word_one_date_and_no_empty_promise() -> None:
    text = rtf_to_text(render(LEAFLET))
    assert "dispositivo" not in text
    assert "--last-held GG/MM/AAAA" in text
    assert "--last-held DD/MM/YYYY" in text
    nobody = rtf_to_text(render(replace(LEAFLET, support="")))
    assert nobody.count("chi si occupa di questo computer, o chi gestisce l’autorità") == 2
    assert nobody.count("whoever looks after this computer") == 2
    assert "chi si occupa" not in text


def test_an_authority_elsewhere_does_not_depend_on_the_computer() -> None:
    elsewhere = Leaflet(LEAFLET.backup_id, LEAFLET.created, "A", "S", embedded_authority=False)
    assert "esportazione" in rtf_to_text(render(LEAFLET))
    assert "esportazione" not in rtf_to_text(render(elsewhere))


def test_nothing_is_left_to_fill_in() -> None:
    assert not re.search(r"[{}@]|##", rtf_to_text(render(LEAFLET)).replace("supporto@", ""))


@pytest.mark.parametrize(
    "hostile",
    [r"}{\object evil}", "a\n\n# b", "{authority.__class__}", "@authority@", "\\'41", "%s"],
)
def test_hostile_values_stay_text(hostile: str) -> None:
    data = render(Leaflet(LEAFLET.backup_id, LEAFLET.created, hostile, hostile, True))
    text = rtf_to_text(data)
    assert text.count(hostile.replace("\n", "")) == 8
    assert text.count("\n") == rtf_to_text(render(LEAFLET)).count("\n")
    assert data.isascii()
