"""What the doctor's findings are called on screen: title, what was found, and the one remedy.

Keyed by check and code as the drivers register them; a test walks the registry. A remedy is a
command to type (the same in every language; values in it are quoted for a shell) or a step.
"""

from __future__ import annotations

import shlex
import string
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from custode.locale import (
    catalogue,
    diagnosis_desktop,
    diagnosis_drivers,
    diagnosis_own,
    moments,
    words,
)
from custode.locale.catalogue import fill, gettext, mark, t
from custode.locale.diagnosis_rows import Row

if TYPE_CHECKING:
    from collections.abc import Mapping


class Told(NamedTuple):
    """One finding in the person's language; at most one of `command` and `step` says anything."""

    title: str
    what: str
    command: str
    step: str


TITLE: Final[Mapping[str, str]] = {
    **diagnosis_own.TITLE,
    **diagnosis_drivers.TITLE,
    **diagnosis_desktop.TITLE,
}
ROWS: Final[Mapping[str, Mapping[str, Row]]] = {
    **diagnosis_own.ROWS,
    **diagnosis_drivers.ROWS,
    **diagnosis_desktop.ROWS,
    "agent.found": {
        **diagnosis_drivers.JUDGED,
        "none": Row(mark("none was needed")),
    },
}

# What any check may find.
ALWAYS: Final[Mapping[str, Row]] = {
    "hung": Row(
        mark("this did not come to an end within {seconds} s and was given up"),
        step=mark("run custode doctor once more; if it happens again, restart the computer"),
    ),
    "broke": Row(
        mark("the check itself failed ({kind})"),
        step=mark("tell support, with a report: custode doctor --bundle FILE.zip"),
    ),
    "agent_missing": Row(mark("not looked at: it takes the agent, which does not start")),
}

_SIZES: Final = frozenset({"free", "needed"})
_MOMENTS: Final = frozenset({"here", "there", "at"})
_SECONDS: Final = frozenset({"load_s", "list_s", "took_s"})


def row(check_id: str, code: str) -> Row:
    """The sentences of one code. :raises KeyError: for one that nobody registered."""
    rows = ROWS[check_id]
    return rows[code] if code in rows else ALWAYS[code]


def tell(check_id: str, code: str, data: Mapping[str, Any]) -> Told:
    """Tell one finding."""
    found, shown = row(check_id, code), {name: _shown(name, value) for name, value in data.items()}
    step = found.step
    if (operation := data.get("what")) is not None and not (step or found.command):
        step = words.GO_ON.get(str(operation), "")
        shown["folder"] = shown.get("folder") or t("FOLDER")
        shown["reason"] = t("REASON")
    return Told(
        gettext(TITLE[check_id]),
        t(found.what, **shown),
        _command(found.command, data),
        t(step, **shown) if step else "",
    )


def _command(template: str, data: Mapping[str, Any]) -> str:
    """A command with its values quoted; nothing when one of them is not known."""
    names = [name for _, name, _, _ in string.Formatter().parse(template) if name]
    if not template or any(data.get(name) is None for name in names):
        return ""
    return fill(template, {name: shlex.quote(str(data[name])) for name in names})


def _shown(name: str, value: Any) -> Any:
    if name in _SIZES and isinstance(value, int):
        return moments.size(value)
    if name in _MOMENTS:
        return moments.minute(value) or value
    if name in _SECONDS and isinstance(value, int | float):
        return _number(value)
    if name == "what" and value in words.DOING:
        return words.word(words.DOING, value)
    if isinstance(value, str):
        return words.word(words.WHY, value) if value in words.WHY else value
    return value


def _number(value: float) -> str:
    text = f"{value:.1f}" if value >= 1 else f"{value:.3f}"
    return text.replace(".", ",") if catalogue.current() == "it" else text
