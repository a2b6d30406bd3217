"""`python -m custode.doctor`: the doctor for a window, which watches it at work.

Writes JSON, one object a line: `{"begun": [{"id", "about"}]}`, for each of them in that order
`{"finding": {"id", "about", "outcome", "code", "data"}}` (of one check there may be several), then
`{"ok"}`. Afterwards each line it is given, `{"report": PATH, "language"}`, is answered with
`{"report": PATH}` or `{"error"}`; it ends with its input.

A program of its own: what hangs or weighs (modules, readers) is neither in the window nor in the
agent, which may be what is broken; and whoever loses patience ends it.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from custode.doctor.answer import answer
from custode.doctor.bundle import make_bundle
from custode.doctor.patient import Patient, patient
from custode.doctor.registry import REGISTRY
from custode.doctor.running import Diagnosis, begin, results
from custode.errors import CustodeError, to_rpc
from custode.files import PRIVATE, new_file
from custode.locale.catalogue import use
from custode.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO


def main(given: TextIO = sys.stdin) -> int:
    """Look at everything, tell it, and write reports while somebody wants them."""
    began = time.monotonic()
    case = patient(Paths.find())
    tasks = begin(REGISTRY, case)
    _tell({"begun": [{"id": task.check.id, "about": task.subject} for task in tasks]})
    found: list[Diagnosis] = []
    for task in tasks:
        for one in results(task):
            found.append(one)
            _tell({"finding": _row(one)})
    took_s = time.monotonic() - began
    _tell({"ok": answer(found, took_s)["ok"]})
    for line in given:
        _tell(_report(json.loads(line), found, took_s, case))
    return 0


def _row(one: Diagnosis) -> dict[str, Any]:
    """As found; whoever shows it finds the words."""
    return {
        "id": one.check.id,
        "about": one.finding.about,
        "outcome": one.outcome.value,
        "code": one.finding.code,
        "data": dict(one.finding.data),
    }


def _report(
    wanted: dict[str, Any], found: Sequence[Diagnosis], took_s: float, case: Patient
) -> dict[str, Any]:
    use(wanted["language"])
    try:
        with new_file(wanted["report"], ".zip", PRIVATE) as file:
            file.write(make_bundle(answer(found, took_s), case))
    except CustodeError as error:
        return {"error": to_rpc(error)}
    return {"report": str(file.path)}


def _tell(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
