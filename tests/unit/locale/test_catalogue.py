"""The Italian catalogue holds every sentence of the code, with the same fields, and no other."""

import shutil
import string
import subprocess
from pathlib import Path

import pytest

from custode.locale import catalogue, pofile
from custode.locale.catalogue import detect, fill, t, tn, use

PO = Path(catalogue.__file__).parent / "it" / "LC_MESSAGES" / "custode.po"

Singular = dict[str, str]
Plural = dict[tuple[str, ...], str]


@pytest.fixture(scope="module")
def italian() -> pofile.Entries:
    return pofile.read(PO.read_text(encoding="utf-8"))


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def test_every_sentence_of_the_code_is_translated(
    singular: Singular, plural: Plural, italian: pofile.Entries
) -> None:
    assert not {text: where for text, where in singular.items() if text not in italian.singular}
    assert not {pair: where for pair, where in plural.items() if pair not in italian.plural}


def test_no_translation_is_unused(
    singular: Singular, plural: Plural, italian: pofile.Entries
) -> None:
    assert not set(italian.singular) - set(singular)
    assert not set(italian.plural) - set(plural)


def test_a_translation_has_the_same_fields(italian: pofile.Entries) -> None:
    wrong = {
        english: there
        for english, there in italian.singular.items()
        if fields(english) != fields(there)
    }
    wrong |= {
        pair[1]: form
        for pair, forms in italian.plural.items()
        for form in forms
        # "1" may stand for {n} in the singular, but nothing new may appear.
        if fields(form) - fields(pair[0]) - fields(pair[1])
    }
    assert not wrong


def test_the_collector_sees_what_it_should(singular: Singular, plural: Plural) -> None:
    assert singular["Make your backup now!"] == "cli/backup_told.py"
    assert singular["The PIN is locked."] == "error_table.py"
    assert ("{n} try left.", "{n} tries left.") in plural
    assert len(singular) > 400


def test_only_literals_are_marked_so_that_the_collector_misses_none(
    singular: Singular, plural: Plural
) -> None:
    assert () not in plural
    assert all(len(pair) == 2 for pair in plural)


@pytest.mark.skipif(shutil.which("msgfmt") is None, reason="gettext's own tools are not installed")
def test_gettext_agrees_with_our_reader() -> None:
    checked = subprocess.run(
        ["msgfmt", "--check-format", "--check-domain", "-o", "/dev/null", str(PO)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_italian_uses_the_words_of_the_documents() -> None:
    use("it")
    assert t("Make your backup now!") == "Esegui la copia di sicurezza!"
    assert t("Primary key lost") == "Chiave primaria smarrita"
    assert t("being generated") == "in generazione"


def test_languages_switch_live() -> None:
    use("it")
    italian = tn("{n} try left.", "{n} tries left.", 1)
    use("en")
    assert (italian, tn("{n} try left.", "{n} tries left.", 3)) == (
        "Resta 1 tentativo.",
        "3 tries left.",
    )


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="fr"):
        use("fr")


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "it_IT.UTF-8"}, "it"),
        ({"LANG": "it"}, "it"),
        ({"LANG": "it_CH@euro"}, "it"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LC_ALL": "en_GB.UTF-8", "LANG": "it_IT.UTF-8"}, "en"),
        ({"LC_MESSAGES": "it_IT.UTF-8", "LANG": "en_US.UTF-8"}, "it"),
        ({"LANGUAGE": "it:en", "LANG": "en_US.UTF-8"}, "it"),
        ({"LANGUAGE": "de:it", "LANG": "en_US.UTF-8"}, "it"),
        ({"LANGUAGE": "it", "LC_ALL": "C"}, "en"),
        ({"LANGUAGE": "it", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANGUAGE": "it"}, "en"),
    ],
)
def test_the_language_is_found_in_gettexts_order(environ: dict[str, str], language: str) -> None:
    assert detect(environ) == language


@pytest.mark.parametrize(
    ("template", "values", "filled"),
    [
        ("{a} of {b}", {"a": 1, "b": "two"}, "1 of two"),
        ("{a} of {b}", {"a": 0}, "0 of ?"),
        ("{{a}}", {}, "{a}"),
        ("{a}", {"a": "{b}", "b": "no"}, "{b}"),
        ("{a.__class__}", {"a": "x"}, "?"),
    ],
)
def test_fields_are_plain_names_and_never_looked_into(
    template: str, values: dict[str, object], filled: str
) -> None:
    assert fill(template, values) == filled
