"""What the doctor found, as rows: for the command, for the window and for the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custode.locale import diagnosis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from custode.doctor.running import Diagnosis


def answer(found: Sequence[Diagnosis], took_s: float) -> dict[str, Any]:
    """All of it."""
    rows = [row(one) for one in found]
    return {
        "ok": not any(one["outcome"] == "fail" for one in rows),
        "took_s": round(took_s, 3),
        "checks": rows,
    }


def row(one: Diagnosis) -> dict[str, Any]:
    """One row of the answer, in the person's language."""
    told = diagnosis.tell(one.check.id, one.finding.code, one.finding.data)
    mend = {"command": told.command} if told.command else {"step": told.step} if told.step else None
    return {
        "id": one.check.id,
        "about": one.finding.about or None,
        "title": told.title,
        "outcome": one.outcome.value,
        "code": one.finding.code,
        "what": told.what,
        "mend": mend,
        "data": dict(one.finding.data),
        "took_s": round(one.took_s, 3),
    }
