"""How hard a new secret is to guess: an estimate for the bar beside it, never a reason to refuse.

It knows repetition, sequences, rows of the keyboard and the commonest words. It knows nothing of
the person: a birthday looks like any eight digits.
"""

from __future__ import annotations

from math import log2
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

FILE_BITS: Final = 80  # of a PIN that somebody who has the file may try for years
ACCOUNT_BITS: Final = 60  # of a password that only the authority tells right from wrong
TOKEN_BITS: Final = 20  # six random digits, and a token that locks itself after a few tries

_ROWS: Final = (b"qwertyuiop", b"asdfghjkl", b"zxcvbnm", b"1234567890")
_WORDS: Final = (
    *(b"password", b"passw0rd", b"custode", b"segreto", b"admin", b"login", b"hello", b"ciao"),
    *(b"amore", b"juventus", b"napoli", b"milan", b"inter", b"roma", b"secret", b"welcome"),
    *(b"dragon", b"monkey", b"letmein", b"iloveyou", b"tiamo", b"prova", b"test", b"2024", b"2025"),
)
_EXPECTED_BITS: Final = 1.0  # what a byte adds that could have been foretold


def percent(secret: Sequence[int], strong_bits: int) -> int:
    """Tell how near `secret` comes to `strong_bits`: 0 to 100."""
    return min(100, int(100 * bits(secret) / strong_bits))


def bits(secret: Sequence[int]) -> float:
    """Estimate the bits of `secret`, by its bytes; nothing is copied out of it."""
    if not len(secret):
        return 0.0
    each = log2(_pool(secret))
    expected = _expected(secret)
    return sum(min(_EXPECTED_BITS, each) if known else each for known in expected)


def _pool(secret: Sequence[int]) -> int:
    """How many different bytes one would have to try at each place."""
    digits = lower = upper = other = 0
    for byte in secret:
        if ord("0") <= byte <= ord("9"):
            digits = 10
        elif ord("a") <= byte <= ord("z"):
            lower = 26
        elif ord("A") <= byte <= ord("Z"):
            upper = 26
        else:
            other = 33
    return digits + lower + upper + other


def _expected(secret: Sequence[int]) -> list[bool]:
    """Which bytes follow from those before them."""
    period = _period(secret)
    known = [at >= period for at in range(len(secret))]
    for at in range(1, len(secret)):
        before, byte = _small(secret[at - 1]), _small(secret[at])
        known[at] |= abs(byte - before) <= 1 or _beside(before, byte)
    for word in _WORDS:
        for start in range(len(secret) - len(word) + 1):
            if all(_small(secret[start + at]) == byte for at, byte in enumerate(word)):
                known[start + 1 : start + len(word)] = [True] * (len(word) - 1)
    return known


def _period(secret: Sequence[int]) -> int:
    """After how many bytes it begins anew; its length when it never does."""
    length = len(secret)
    for period in range(1, length):
        if all(secret[at] == secret[at - period] for at in range(period, length)):
            return period
    return length


def _small(byte: int) -> int:
    return byte + 32 if ord("A") <= byte <= ord("Z") else byte


def _beside(one: int, other: int) -> bool:
    """Whether two keys lie side by side in a row of the keyboard."""
    for row in _ROWS:
        if one in row and other in row:
            return abs(row.index(one) - row.index(other)) == 1
    return False
