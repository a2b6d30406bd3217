"""A PIN that Custode offers, where one is wanted that nobody can guess."""

from __future__ import annotations

import secrets
from typing import Final

from custode.prompts.secret import Secret

# No 0 and o, no 1, i and l: what is written down by hand is read again years later.
ALPHABET: Final = b"23456789abcdefghjkmnpqrstuvwxyz"
GROUPS: Final = 4
GROUP: Final = 4  # 16 characters of 31: 79 bits


def generate() -> Secret:
    """Make one, such as `7kqm-x4tp-9bwd-h3nc`; the hyphens are part of it: it is typed as shown."""
    made = Secret()
    for index in range(GROUPS * GROUP):
        if index and index % GROUP == 0:
            made.append(ord("-"))
        made.append(secrets.choice(ALPHABET))
    return made
