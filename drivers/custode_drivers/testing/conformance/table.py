"""The table in docs/tokens.md: what was measured, between two marks, made from nothing else.

python -m custode_drivers.testing.conformance.table docs/tokens.md
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from custode_drivers.testing.conformance import report
from custode_drivers.testing.conformance.report import Outcome, Results, Told
from custode_drivers.testing.conformance.stack import Stack, Story

BEGIN: Final = "<!-- make conformance writes from here -->"
END: Final = "<!-- to here -->"
_WORDS: Final = {
    Outcome.PASSED: "yes",
    Outcome.FAILED: "**fails**",
    Outcome.NOT_OFFERED: "no",
    Outcome.NO_MEANS: "untried",
}


class Notes:
    """What a table says below itself: each thing once, with a number."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def mark(self, texts: Sequence[str]) -> str:
        """Return the numbers of these notes, for behind a word."""
        for text in texts:
            if text not in self._texts:
                self._texts.append(text)
        numbers = sorted(self._texts.index(text) + 1 for text in texts)
        return f" [{', '.join(map(str, numbers))}]" if numbers else ""

    def lines(self) -> list[str]:
        return [f"{number}. {text}" for number, text in enumerate(self._texts, 1)]


def render(stacks: Sequence[Stack], results: Results) -> str:
    """Return the block, with its marks."""
    notes = Notes()
    rows = [
        ["", *(stack.title for stack in stacks)],
        ["---"] * (len(stacks) + 1),
        ["module", *(f"`{results[stack.name].module}`" for stack in stacks)],
    ]
    for story in Story:
        cells = [
            _cell(stack, results[stack.name].stories.get(story, Told()), notes) for stack in stacks
        ]
        rows.append([str(story), *cells])
    table = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([BEGIN, "", *table, "", *notes.lines(), "", END])


def replaced(text: str, block: str) -> str:
    """Return a page with another block between its marks. :raises ValueError: when it has none."""
    before, _, rest = text.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"there is no {BEGIN} … {END}")
    return before + block + after


def _cell(stack: Stack, told: Told, notes: Notes) -> str:
    known = {quirk.name: quirk for quirk in stack.quirks}
    texts = [
        f"quirk `{name}`: {known[name].why} ({known[name].source})" for name in sorted(told.quirks)
    ]
    return _WORDS[told.outcome] + notes.mark([*texts, *sorted(told.reasons)])


def main(arguments: Sequence[str]) -> int:
    """Write the block into a page anew."""
    from custode_drivers.testing.conformance.stacks import STACKS

    (page,) = map(Path, arguments)
    page.write_text(replaced(page.read_text(), render(STACKS, report.load())))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
