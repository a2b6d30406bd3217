"""The language a person chose: one word in a file beside config.toml. None chosen: the locale's.

Windows and the command line change it with one choice, which every face then follows; `--lang` is
for one command and is not kept.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from custode.locale import catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

AUTO: Final = "auto"
_LONGEST: Final = 16  # characters that are read: more is no language


def chosen(file: Path) -> str | None:
    """Tell the language that file names; None when there is none, or none that we speak."""
    try:
        with file.open(encoding="utf-8") as words:
            word = words.read(_LONGEST).strip()
    except (OSError, ValueError):
        return None
    return word if word in catalogue.LANGUAGES else None


def keep(file: Path, language: str | None) -> None:
    """Write the choice down, whole or not at all; None takes it back.

    :raises OSError: when that cannot be done
    """
    if language is None:
        file.unlink(missing_ok=True)
        return
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        fresh.write_text(language + "\n", encoding="utf-8")
        fresh.replace(file)
    except OSError:
        with suppress(OSError):
            fresh.unlink()
        raise


def follow(file: Path, environ: Mapping[str, str] | None = None) -> str:
    """Speak the language chosen, else the locale's; tells which it is."""
    language = chosen(file) or catalogue.detect(environ)
    catalogue.use(language)
    return language
