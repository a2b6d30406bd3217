"""What the doctor found, in groups, each fault with the one thing that mends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from custode.desktop.view.needs import shown
from custode.locale import diagnosis
from custode.locale.catalogue import gettext, mark, t, tn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from custode.desktop.view.action import Action

    Finding = Mapping[str, Any]


class Group(StrEnum):
    """What a finding means for the person, the gravest first."""

    FAULT = "fault"
    NOT_LOOKED_AT = "not_looked_at"
    FINE = "fine"


_GROUP_OF: Final = {
    "fail": Group.FAULT,
    "not_made": Group.NOT_LOOKED_AT,
    "pass": Group.FINE,
    "not_applicable": Group.FINE,
}


@dataclass(frozen=True, slots=True)
class Remedy:
    """What mends it: a sentence, a command for whoever runs this computer, or a button of ours."""

    text: str = ""
    command: str = ""
    action: Action | None = None
    button: str = ""
    restarts: bool = False
    """The agent is to be started anew."""
    installs: bool = False
    """What starts Custode with the session is to be put in place anew."""


@dataclass(frozen=True, slots=True)
class Line:
    """One finding, in the person's language."""

    group: Group
    title: str
    what: str
    applies: bool = True
    """Whether there is anything here that it could be about."""
    remedy: Remedy = field(default_factory=Remedy)


# Remedies that the command line gives as commands of its own.
_RESTART: Final = frozenset({("agent.version", "other"), ("agent.modules", "changed")})
_INSTALL: Final = frozenset({("desktop.installed", "moved"), ("desktop.installed", "older")})
_SAID: Final[Mapping[str, str]] = {
    "hung": mark("Look once more; if it happens again, restart the computer."),
    "broke": mark("Tell support: save a report with the button below, and send it."),
}
_SAID_OF: Final[Mapping[tuple[str, str], str]] = {
    ("agent.starts", "silent"): mark(
        "Restart the computer: something keeps the agent's place and does not answer."
    ),
    ("agent.cards", "unknown"): mark(
        "Ask support which module this card needs, and have it named in {file}."
    ),
    ("desktop.installed", "unreadable"): mark("Move {path} aside, then look once more."),
    ("portals.authority", "lost"): mark(
        "Ask support to bring it back from the copy that you keep elsewhere."
    ),
}

# What was found, where that names a command.
_FOUND: Final[Mapping[tuple[str, str], str]] = {
    ("desktop.installed", "none"): mark("nothing does"),
}


def line(finding: Finding) -> Line:
    """Tell one finding."""
    check, code, data = finding["id"], finding["code"], finding["data"]
    told = diagnosis.tell(check, code, data)
    about = finding.get("about") or ""
    about = "" if about == data.get("what") else about  # a kind of operation, told in words
    found = gettext(_FOUND[check, code]) if (check, code) in _FOUND else told.what
    what = f"{about}: {found}" if about and about not in found else found
    group = _GROUP_OF[finding["outcome"]]
    if group is not Group.FAULT:
        return Line(group, told.title, what, applies=finding["outcome"] != "not_applicable")
    return Line(group, told.title, what, remedy=_remedy(finding, told))


def _remedy(finding: Finding, told: diagnosis.Told) -> Remedy:
    check, code, data = finding["id"], finding["code"], finding["data"]
    if (check, code) in _RESTART:
        return Remedy(t("The agent has to be started anew."), restarts=True)
    if (check, code) in _INSTALL:
        return Remedy(t("It has to be put in place anew."), installs=True)
    if (check, code) == ("agent.journal", "left"):
        need = {
            "need": "operation_can_go_on",
            "text_args": data,
            "token": {"serial": data.get("serial")},
        }
        row = shown(need)
        return Remedy(row.text, action=row.action, button=row.button)
    own = _SAID_OF.get((check, code)) or _SAID.get(code)
    if own is not None:
        return Remedy(t(own, **data))
    return Remedy(told.step, told.command)


def lines(findings: Sequence[Finding]) -> dict[Group, list[Line]]:
    """All findings by their group, in the doctor's order; a group without one is left out."""
    told = [line(finding) for finding in findings]
    groups = {group: [one for one in told if one.group is group] for group in Group}
    return {group: found for group, found in groups.items() if found}


TITLE: Final[Mapping[Group, str]] = {
    Group.FAULT: mark("To be mended"),
    Group.NOT_LOOKED_AT: mark("Not looked at"),
    Group.FINE: mark("All is well"),
}


def title(group: Group, count: int) -> str:
    """What a group is called, with how many are in it."""
    return f"{gettext(TITLE[group])} ({count})"


def verdict(findings: Sequence[Finding]) -> str:
    """The one sentence above everything."""
    faults = sum(finding["outcome"] == "fail" for finding in findings)
    if faults:
        return tn("{n} fault was found.", "{n} faults were found.", faults)
    return t("No fault was found.")


def check_name(check_id: str) -> str:
    """What a check is called while it runs."""
    return gettext(diagnosis.TITLE.get(check_id, check_id))
