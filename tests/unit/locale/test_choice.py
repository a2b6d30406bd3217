"""The language a person chose, and what happens to a file that is no choice."""

from pathlib import Path

import pytest

from custode.locale import catalogue, choice

ITALIAN = {"LANG": "it_IT.UTF-8"}
ENGLISH = {"LANG": "en_GB.UTF-8"}


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
def test_the_choice_is_kept_and_beats_the_locale(tmp_path: Path, language: str) -> None:
    file = tmp_path / "language"
    choice.keep(file, language)
    assert choice.chosen(file) == language
    for environ in (ITALIAN, ENGLISH):
        assert choice.follow(file, environ) == catalogue.current() == language
    assert [path.name for path in tmp_path.iterdir()] == ["language"]


def test_a_choice_taken_back_leaves_the_locale(tmp_path: Path) -> None:
    file = tmp_path / "language"
    for _ in range(2):  # also when there is none
        choice.keep(file, None)
        assert choice.chosen(file) is None
        assert choice.follow(file, ITALIAN) == "it"
        assert choice.follow(file, ENGLISH) == "en"
        choice.keep(file, "it")


@pytest.mark.parametrize("content", [b"", b"de\n", b"\xff\xfe", b"it en", b"\n" * 999 + b"it"])
def test_what_is_no_choice_is_none(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "language"
    file.write_bytes(content)
    assert choice.chosen(file) is None


def test_one_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "language"
    file.mkdir()  # nothing can take the place of a folder
    with pytest.raises(OSError, match="directory"):
        choice.keep(file, "it")
    assert [path.name for path in tmp_path.iterdir()] == ["language"]
