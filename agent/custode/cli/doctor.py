"""`custode doctor`: each thing that can be wrong, with the one remedy; and a report for support."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from custode.cli.command import make_command, option, pass_face
from custode.files import PRIVATE, new_file
from custode.locale import outcomes
from custode.locale.catalogue import mark, t, tn
from custode.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face

_FAULT: Final = 1  # cli.md: failed
_COLOUR: Final = {"pass": "green", "fail": "red"}
_SIGN: Final = {"pass": "✓", "fail": "✗"}


@make_command(
    "doctor",
    mark(
        "Each thing that can be wrong, and what mends it.\n\n"
        "Asks for no PIN and changes nothing. The exit status is 0 when no fault was found, else 1."
    ),
)
@option(
    "--bundle",
    metavar="FILE.zip",
    text=mark("Also write a report for support, without personal data."),
)
@pass_face
def command(face: Face, bundle: str | None) -> int:
    """Look, tell, and write the report."""
    # Only now: the drivers' checks weigh more than the other commands need.
    from custode.doctor.answer import answer as answer_of
    from custode.doctor.patient import patient
    from custode.doctor.registry import REGISTRY
    from custode.doctor.running import examine

    began = time.monotonic()
    paths = Paths.find()
    if bundle is None:
        case = patient(paths)
        found = examine(REGISTRY, case)
        answer = answer_of(found, time.monotonic() - began)
    else:
        from custode.doctor.bundle import make_bundle

        with new_file(bundle, ".zip", PRIVATE) as file:
            case = patient(paths)
            found = examine(REGISTRY, case)
            answer = answer_of(found, time.monotonic() - began)
            file.write(make_bundle(answer, case))
        answer["bundle"] = str(file.path)
    face.show(answer, _tell)
    return 0 if answer["ok"] else _FAULT


def _tell(face: Face, answer: Mapping[str, Any]) -> None:
    rows = answer["checks"]
    width = max(len(one["title"]) for one in rows)
    for one in rows:
        outcome = one["outcome"]
        about = f"{one['about']}: " if one["about"] and one["about"] not in one["what"] else ""
        line = f"{_SIGN.get(outcome, '–')} {one['title']:<{width}}  {about}{one['what']}"
        face.say(line, bold=outcome == "fail", colour=_COLOUR.get(outcome))
        for remedy in (one["mend"] or {}).values():
            face.say(f"  → {remedy}")
    face.say()
    faults = sum(one["outcome"] == "fail" for one in rows)
    missed = sum(one["outcome"] == "not_made" for one in rows)
    if faults:
        face.say(tn("{n} fault was found.", "{n} faults were found.", faults), bold=True)
    else:
        face.say(t("No fault was found."), bold=True)
    if missed:
        told = tn("{n} thing was not looked at.", "{n} things were not looked at.", missed)
        face.say(told)
    if path := answer.get("bundle"):
        face.say(t(outcomes.WITHOUT_PERSONAL_DATA, path=path))
