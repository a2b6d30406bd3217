"""What the reader of `.po` files takes, and what it refuses."""

import pytest

from custode.locale.pofile import CatalogueError, read

HEADER = (
    'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
    '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
)


def test_it_reads_what_gettext_writes() -> None:
    entries = read(
        HEADER
        + '# a note\n#: cli/x.py\n#, python-brace-format\nmsgid "one"\nmsgstr "uno"\n\n'
        + 'msgid ""\n"two \\"quoted\\"\\n"\n"and \\\\"\nmsgstr "due\\t"\n\n'
        + 'msgid "{n} a"\nmsgid_plural "{n} b"\nmsgstr[0] "x"\nmsgstr[1] "y"\n'
    )
    assert entries.singular == {"one": "uno", 'two "quoted"\nand \\': "due\t"}
    assert entries.plural == {("{n} a", "{n} b"): ("x", "y")}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('#, fuzzy\nmsgid "a"\nmsgstr "b"\n', "fuzzy"),
        ('msgid "a"\nmsgstr ""\n', "empty"),
        ('msgid "a"\nmsgstr "b"\n\nmsgid "a"\nmsgstr "c"\n', "twice"),
        ('msgid "a"\nmsgid "b"\nmsgstr "c"\n', "entry of"),
        ('msgid "a"\nmsgstr "b"\nmsgstr "c"\n', "twice"),
        ('msgctxt "x"\nmsgid "a"\nmsgstr "b"\n', "not understood"),
        ('msgid "a"\n\nmsgstr "b"\n', "entry of"),
        ('msgid "a"\nmsgid_plural "b"\nmsgstr "c"\n', "entry of"),
        ('msgid "a"\nmsgid_plural "b"\nmsgstr[0] "c"\nmsgstr[1] ""\n', "empty"),
        ('"stray"\n', "keyword"),
        ('msgid "a\\x"\nmsgstr "b"\n', "escape"),
        ('msgid "a"b"\nmsgstr "b"\n', "escape"),
        ('msgid ""\nmsgstr "again"\n', "header"),
        ("nonsense\n", "not understood"),
    ],
)
def test_it_refuses_what_would_go_unnoticed(body: str, why: str) -> None:
    with pytest.raises(CatalogueError, match=why):
        read(HEADER + body)


@pytest.mark.parametrize("text", ["", 'msgid "a"\nmsgstr "b"\n', HEADER.replace("UTF-8", "UTF-7")])
def test_the_header_has_to_be_ours(text: str) -> None:
    with pytest.raises(CatalogueError, match="header"):
        read(text)


def test_an_error_names_its_line() -> None:
    with pytest.raises(CatalogueError, match="line 6"):
        read(HEADER + "nonsense")
