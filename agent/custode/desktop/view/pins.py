"""The tokens whose PIN can be set, changed or unblocked, and what is told of each."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from custode.desktop.view.choosing import name
from custode.desktop.view.paper import Paper
from custode.locale import outcomes
from custode.locale.catalogue import t, tn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Row = Mapping[str, Any]


class Task(StrEnum):
    """What is done with a PIN; the values are the agent's methods."""

    INIT = "token.init"
    CHANGE = "token.pin.change"
    UNBLOCK = "token.pin.unblock"


class Choice(NamedTuple):
    """One token: its `name` for the agent, what it is called, and how its PIN stands.

    `grave`: that is a warning.
    """

    name: str
    serial: str
    label: str
    standing: str = ""
    grave: bool = False


ROLES: Final = ("user", "so")
_PREFIX: Final = {"user": "pin", "so": "so_pin"}


def sent_as(task: Task, role: str) -> str:
    """Whose PIN is asked for first, and could be wrong."""
    return role if task is Task.CHANGE else "so"


def choices(status: Row, task: Task, role: str = "user") -> list[Choice]:
    """Tokens that are here and that this is for: new ones, or those that have their PIN."""
    wanted = task is not Task.INIT
    told = "user" if task is Task.UNBLOCK else sent_as(task, role)  # that is the one in question
    here = _here(status)
    return [
        Choice(name(row, here), row["serial"], row["label"] or "–", *standing(row, told))
        for row in here
        if row["user_pin_initialized"] is wanted
    ]


def _here(status: Row) -> list[Row]:
    return [row for row in status.get("tokens") or () if row["present"]]


def standing(row: Row, role: str) -> tuple[str, bool]:
    """How a PIN stands: tries left where the token tells, and whether that is grave."""
    left = row.get(f"{_PREFIX[role]}_attempts_remaining")
    if row.get(f"{_PREFIX[role]}_locked") or left == 0:
        return t("locked"), True
    if is_last(row, role):
        return t("LAST attempt"), True
    if left is None:
        return "", False
    return tn("{n} try left", "{n} tries left", left), False


def is_last(row: Row, role: str) -> bool:
    """Whether a wrong one would lock it."""
    prefix = _PREFIX[role]
    return row.get(f"{prefix}_attempts_remaining") == 1 or bool(row.get(f"{prefix}_final_try"))


def token_row(status: Row, named: str) -> Row | None:
    """The row of a token that is here."""
    here = _here(status)
    return next((row for row in here if name(row, here) == named), None)


def paper(task: Task, found: bool) -> Paper:  # noqa: FBT001 - a fact, not a switch
    """What the page says, before anything is asked."""
    match task:
        case Task.INIT:
            title = t("Prepare a new token")
            if not found:
                return Paper(title, (t("Insert the new token: one that has no PIN yet."),))
            return Paper(
                title,
                (
                    t("The administrator PIN (SO PIN) that came with it is asked for first."),
                    t("Then you choose its PIN, and type it twice. Keep both in a safe place."),
                ),
            )
        case Task.CHANGE:
            title = t("Change a PIN")
            if not found:
                return Paper(title, (t("Insert the token whose PIN you want to change."),))
            return Paper(
                title,
                (
                    t("The PIN it has now is asked for first, then the new one, twice."),
                    t("Keys and certificates stay as they are."),
                ),
            )
        case _:
            title = t("Unblock the PIN")
            if not found:
                return Paper(title, (t("Insert the token whose PIN is locked or forgotten."),))
            return Paper(
                title,
                (
                    t(
                        "The token's administrator PIN (SO PIN, PUK) is asked for first: it came"
                        " with the token. Then you choose a new PIN."
                    ),
                    t("Keys and certificates stay as they are."),
                ),
            )


_TOLD: Final[Mapping[Task, Callable[[Row], str]]] = {
    Task.INIT: outcomes.pin_given,
    Task.CHANGE: outcomes.pin_changed,
    Task.UNBLOCK: outcomes.pin_unblocked,
}


def done(task: Task, answer: Row) -> Paper:
    """What came of it."""
    return Paper(t("Done"), (_TOLD[task](answer),))
