"""Each check character of the codice fiscale, and what is none."""

import string

import pytest

from custode.domain.codice_fiscale import is_valid

# The first is the decree's own example's kind (MRTMTT…, printed in many handbooks); the third is
# its form for two people with the same one: every digit became a letter.
PERSONS = ("RSSMRA80A01H501U", "MRTMTT91D08F205J", "RSSMRAULALMHRLMX")


@pytest.mark.parametrize("text", [PERSONS[0], PERSONS[1], "00743110157", "12345670785"])
def test_these_are(text: str) -> None:
    assert is_valid(text)


@pytest.mark.parametrize("text", ["", "RSSMRA80A01H501", "rssmra80a01h501u", "RSSMRA80Z01H501U"])
def test_these_are_not(text: str) -> None:
    assert not is_valid(text)


@pytest.mark.parametrize("place", range(16))
def test_one_other_character_of_its_kind_is_found(place: int) -> None:
    right = PERSONS[0]
    kind = string.digits if right[place].isdigit() else string.ascii_uppercase
    others = [right[:place] + c + right[place + 1 :] for c in kind if c != right[place]]
    assert not any(is_valid(other) for other in others)


@pytest.mark.parametrize("place", range(11))
def test_one_other_digit_is_found(place: int) -> None:
    right = "00743110157"
    others = [right[:place] + c + right[place + 1 :] for c in string.digits if c != right[place]]
    assert not any(is_valid(other) for other in others)


def test_digits_replaced_by_letters_are_checked_as_they_stand() -> None:
    found = [c for c in string.ascii_uppercase if is_valid(PERSONS[2][:15] + c)]
    assert len(found) == 1
