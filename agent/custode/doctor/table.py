"""The table of docs/doctor.md, made from the registry: `python -m custode.doctor.table`.

A test holds the document against it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from custode.doctor.registry import REGISTRY
from custode.locale import diagnosis
from custode_drivers.api.checks import Outcome

_WORD = {
    Outcome.PASS: "pass",
    Outcome.FAIL: "**fail**",
    Outcome.NOT_APPLICABLE: "not applicable",
    Outcome.NOT_MADE: "not made",
}


def lines() -> Iterator[str]:
    """The table: a section a check, a row a code."""
    for check in REGISTRY:
        yield f"### `{check.id}` – {diagnosis.TITLE[check.id]}"
        yield ""
        yield "| code | outcome | what is told | what mends it |"
        yield "|---|---|---|---|"
        for code, outcome in check.says.items():
            row = diagnosis.row(check.id, code)
            mend = f"`{row.command}`" if row.command else row.step
            cells = (f"`{code}`", _WORD[outcome], row.what, mend)
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        yield ""


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines()))
