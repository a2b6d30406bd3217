"""The one sentence for a secret that stands where everybody can read it."""

from __future__ import annotations

from typing import Final

from custode.locale.catalogue import mark

LITERAL_SECRET: Final = mark(
    "A secret is never given on the command line, where every program can read it."
    " Say where it comes from instead: prompt, fd:N, file:PATH or pinentry:PROGRAM."
)
