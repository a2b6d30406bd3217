"""Every sentence for people goes through `t`; English sentences are the keys (gettext msgids).

The catalogue is read from the `.po` file itself, not from a compiled `.mo`: the same file then
serves an editable install, a wheel and a test without a build step that could be forgotten or a
generated binary that could be stale, and a few hundred entries are read in milliseconds, only when
Italian is asked for. The reader is strict (see `pofile`), and `msgfmt --check` agrees with it.
"""

from __future__ import annotations

import os
import string
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from custode.locale import pofile

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES: Final = ("it", "en")
_HERE: Final = Path(__file__).parent
_NOTHING: Final = pofile.Entries({}, {})


class _Active:
    """The language in use; menus and windows switch it live."""

    language = "en"
    entries = _NOTHING


@cache
def _read(language: str) -> pofile.Entries:
    """Read the catalogue of `language`; English needs none.

    :raises pofile.CatalogueError: when the file breaks a rule of ours
    """
    if language == "en":
        return _NOTHING
    path = _HERE / language / "LC_MESSAGES" / "custode.po"
    return pofile.read(path.read_text(encoding="utf-8"))


def use(language: str) -> None:
    """Switch to `language`, one of LANGUAGES.

    :raises ValueError: when it is another one
    """
    if language not in LANGUAGES:
        raise ValueError(language)
    _Active.language, _Active.entries = language, _read(language)


def current() -> str:
    """Tell the language in use."""
    return _Active.language


def detect(environ: Mapping[str, str] | None = None) -> str:
    """Find the person's language in the environment, in gettext's order (GNU gettext §2.3).

    LANGUAGE is a list of wishes and holds only when the locale is not "C" (POSIX).
    """
    env = os.environ if environ is None else environ
    locale = env.get("LC_ALL") or env.get("LC_MESSAGES") or env.get("LANG") or "C"
    wishes = [locale]
    if locale.split(".")[0] not in {"C", "POSIX"}:
        wishes = [*env.get("LANGUAGE", "").split(":"), locale]
    for wish in wishes:
        tongue = wish.split(".")[0].split("@")[0].split("_")[0].lower()
        if tongue in LANGUAGES:
            return tongue
    return "en"


def mark(msgid: str) -> str:
    """Mark a sentence that stands in a table and is translated when it is shown."""
    return msgid


def fill(template: str, values: Mapping[str, object]) -> str:
    """Put `values` into the `{names}` of `template`; a name without a value shows as "?".

    Only plain names are looked up, never attributes or items: values come from outside.
    """
    out: list[str] = []
    for text, name, _spec, _conversion in string.Formatter().parse(template):
        out.append(text)
        if name is not None:
            value = values.get(name)
            out.append("?" if value is None else str(value))
    return "".join(out)


def gettext(msgid: str) -> str:
    """Translate without filling, as gettext does (click fills its own sentences)."""
    return _Active.entries.singular.get(msgid, msgid)


def translated(msgid: str, language: str) -> str:
    """Translate into `language`, whichever is in use: for files that hold all of them."""
    return _read(language).singular.get(msgid, msgid)


def ngettext(singular: str, plural: str, n: int) -> str:
    """Translate a sentence that counts without filling, as gettext does."""
    forms = _Active.entries.plural.get((singular, plural), (singular, plural))
    return forms[0 if n == 1 else 1]


def t(msgid: str, /, **values: object) -> str:
    """Translate one sentence and fill its `{names}`."""
    return fill(gettext(msgid), values)


def tn(singular: str, plural: str, n: int, /, **values: object) -> str:
    """Translate a sentence that counts; `{n}` is filled by itself."""
    return fill(ngettext(singular, plural, n), {"n": n, **values})
