"""Why a backup is closed, and what would change it, in a shopkeeper's words and with a button."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from custode.desktop.view.action import window
from custode.locale import words
from custode.locale.catalogue import gettext, mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.desktop.view.action import Action

    Row = Mapping[str, Any]


class Reason(NamedTuple):
    """One fact that keeps it closed; the button, where something can be done at once."""

    code: str
    fact: str
    remedy: str
    button: str = ""
    action: Action | None = None
    final: bool = False


# What would change it, and the button's words; a window's, so no commands.
_REMEDIES: Final[Mapping[str, tuple[str, str]]] = {
    "remove_token": (mark("It changes as soon as you remove that token."), ""),
    "start_readers": (
        mark("It changes when this computer's reader service runs again."),
        mark("Diagnostics…"),
    ),
    "wait": (mark("It changes by itself in a moment."), ""),
    "report": (
        mark("It changes when you report that the original is lost, stolen or broken."),
        mark("Report a loss, theft or fault…"),
    ),
    "go_on_with_activation": (
        mark("It changes when the activation of the backup is done."),
        mark("Activate the backup…"),
    ),
    "reach_authority": (
        mark("It changes as soon as the authority can be reached: check the connection."),
        mark("Diagnostics…"),
    ),
    "create_backup": (mark("It changes when you save a backup."), mark("Save a backup…")),
    "request_activation": (
        mark("It changes when you have the backup activated."),
        mark("Activate the backup…"),
    ),
    "wait_for_approval": (
        mark("It changes when the desk approves the activation."),
        mark("Show how it stands…"),
    ),
    "collect": (
        mark("It changes when you collect the activation: it has been approved."),
        mark("Activate the backup…"),
    ),
    "reissue": (
        mark("This backup is of no use any more; you can have a new certificate."),
        mark("New certificate…"),
    ),
    "nothing": (mark("Nothing changes that: it stays closed for good."), ""),
}
_WINDOWS: Final[Mapping[str, str]] = {
    "start_readers": "doctor",
    "report": "report",
    "go_on_with_activation": "activate",
    "reach_authority": "doctor",
    "create_backup": "backup",
    "request_activation": "activate",
    "wait_for_approval": "activate",
    "collect": "activate",
    "reissue": "reissue",
}


def reasons(gate: Row, folder: str = "") -> tuple[Reason, ...]:
    """Tell each reason; one remedy has its button once, at the first reason that it changes."""
    offered: set[str] = set()
    found = []
    for row in gate.get("reasons") or ():
        told = _reason(row, folder)
        if told.action is not None and told.action.name in offered:
            told = told._replace(button="", action=None)
        elif told.action is not None:
            offered.add(told.action.name)
        found.append(told)
    return tuple(found)


def _reason(row: Row, folder: str) -> Reason:
    fact, _ = words.gate_reason(row)
    remedy = str(row.get("remedy") or "")
    text, button = _REMEDIES.get(remedy, ("", ""))
    name = _WINDOWS.get(remedy, "")
    action = None
    if name:
        action = window(name, folder=folder if name == "activate" else "")
    return Reason(
        code=str(row.get("code") or ""),
        fact=fact,
        remedy=gettext(text),
        button=gettext(button) if name else "",
        action=action,
        final=remedy in {"nothing", "reissue"},
    )


_FACTS: Final = ("gate", "tokens", "certificates", "backups", "readers", "authority")


def facts(status: Row) -> tuple[object, ...]:
    """What of a `status` a verdict depends on: only when that changes it is asked for anew."""
    return tuple(status.get(name) for name in _FACTS)


def headline(gate: Row) -> tuple[str, str]:
    """The verdict, and what it means."""
    if gate.get("allowed"):
        return (
            t("The backup may be used now"),
            t("Nothing keeps it closed: the authority is asked once more at each use."),
        )
    return (
        t("The backup cannot be used now"),
        t("It stays closed for as long as one of these reasons holds."),
    )
