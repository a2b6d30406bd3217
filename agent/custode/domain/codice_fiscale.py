"""Is this a codice fiscale? Its last character is a check on the others.

Persons: 16 characters (D.M. 23/12/1976, articles 2 to 8; digits replaced by letters where two
people would have the same one, article 6). Bodies: 11 digits, checked as a partita IVA is.
"""

from __future__ import annotations

import re
from typing import Final

_PERSON: Final = re.compile(
    r"[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]"
)
_BODY: Final = re.compile(r"[0-9]{11}")
_CHARACTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Article 8: what a character counts at an even place is its number, at an odd one this.
_ODD: Final = dict(
    zip(
        _CHARACTERS,
        (
            *(1, 0, 5, 7, 9, 13, 15, 17, 19, 21),
            *(1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18),
            *(20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        ),
        strict=True,
    )
)
_EVEN: Final = dict(zip(_CHARACTERS, (*range(10), *range(26)), strict=True))
_LETTERS: Final = 26


def is_valid(text: str) -> bool:
    """Whether the shape is right and the check character fits; capitals are expected."""
    if _PERSON.fullmatch(text):
        counted = sum(_ODD[c] for c in text[:15:2]) + sum(_EVEN[c] for c in text[1:15:2])
        return text[15] == chr(ord("A") + counted % _LETTERS)
    if _BODY.fullmatch(text):
        doubled = (2 * int(c) for c in text[1::2])
        return (sum(map(int, text[::2])) + sum(d // 10 + d % 10 for d in doubled)) % 10 == 0
    return False
