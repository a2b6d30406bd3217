"""Takes personal data out of a report: what is known to be personal, and what looks like it.

Serials and the like become a short keyed hash, so that one can tell within a report that two are
the same; its key is made for one report and kept nowhere. Whatever is still found afterwards, in
any encoding a folder would be searched for, takes its whole line with it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final

from custode.container.search import MIN_LENGTH, find

LEFT_OUT: Final = "<left out>"
_SHORTEST: Final = 3
_HASH_DIGITS: Final = 8

# D.M. 23/12/1976, also where digits are letters (omocodia).
_CODICE_FISCALE: Final = (
    r"\b[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPR-T][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]\b"
)

# What looks personal though nobody told: each with what stands in its place.
_PATTERNS: Final = (
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "mail"),
    (re.compile(_CODICE_FISCALE, re.IGNORECASE), "cf"),
    (re.compile(r"\bpkcs11:[^\s\"'<>]+"), "uri"),
    (re.compile(r"\b[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5,}\b"), "hex"),
    (re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"), "id"),
    (re.compile(r"\b(?=[0-9a-fA-F]*[0-9])[0-9a-fA-F]{12,}\b"), "hex"),
    (re.compile(r"\b[0-9]{8,}\b"), "number"),
    # Keys, tokens of programs, base64: long, with letters and digits.
    (re.compile(r"(?<![\w+=-])(?=[\w+=-]*[0-9])(?=[\w+=-]*[A-Za-z])[\w+=-]{24,}"), "key"),
    # A reader's own number, as its driver puts it into its name.
    (re.compile(r"(?<=\()(?!0x)[0-9A-Za-z]*[0-9][0-9A-Za-z]{5,}(?=\))"), "number"),
)


class Redactor:
    """Redacts for one report."""

    def __init__(
        self,
        known: Mapping[str, str],
        ours: Mapping[str, str],
        homes: Iterable[str],
    ) -> None:
        """`known`: personal text → what it is; `ours`: a path of Custode's → its placeholder.

        `homes`: folders under which every path is personal.
        """
        self._salt = secrets.token_bytes(32)
        self._known = {text: kind for text, kind in known.items() if len(text.strip()) >= _SHORTEST}
        alternatives = "|".join(re.escape(t) for t in sorted(self._known, key=len, reverse=True))
        self._personal = re.compile(alternatives or r"(?!)", re.IGNORECASE)
        self._kinds = {text.lower(): kind for text, kind in self._known.items()}
        self._ours = dict(sorted(ours.items(), key=lambda row: len(row[0]), reverse=True))
        prefixes = sorted({home.rstrip("/") for home in homes} - {""}, key=len, reverse=True)
        told = "|".join(re.escape(prefix) for prefix in prefixes)
        # From there to the end: a folder's name may hold blanks, and nobody can tell where it ends.
        self._under_home = re.compile(
            rf"(?:{told})(?:/.*|(?![\w-]))" if told else r"(?!)", re.DOTALL
        )

    def hashed(self, text: str, kind: str) -> str:
        """A stand-in that is the same for the same text within this report."""
        digest = hmac.new(self._salt, text.lower().encode(), hashlib.sha256).hexdigest()
        return f"<{kind} {digest[:_HASH_DIGITS]}>"

    def text(self, text: str) -> str:
        """One value, or one line, without what is personal in it."""
        for path, stand_in in self._ours.items():
            text = text.replace(path, stand_in)
        text = self._personal.sub(
            lambda found: self.hashed(found[0], self._kinds.get(found[0].lower(), "name")), text
        )
        text = self._under_home.sub("<home>", text)
        for pattern, kind in _PATTERNS:
            text = pattern.sub(lambda found, kind=kind: self.hashed(found[0], kind), text)  # type: ignore[misc]  # bound now
        return LEFT_OUT if self._still(text) else text

    def lines(self, text: str) -> str:
        """Each line of a text."""
        return "".join(f"{self.text(line)}\n" for line in text.splitlines())

    def value(self, value: Any) -> Any:
        """A JSON value, with all that is in it; keys are ours."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {str(key): self.value(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(one) for one in value]
        return value

    def _still(self, text: str) -> bool:
        """Whether something that is known is there all the same, written in some other way."""
        if not self._known or (text.isascii() and len(text) < MIN_LENGTH):
            return False
        return find(text.encode("utf-8", "replace"), self._known) is not None
