"""What may have happened to the original, in plain words, and what each report does at once.

Which reasons may be reported, and what each does, is the authority's table (`wire.reasons`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from custode.desktop.view.action import window
from custode.locale import words
from custode.locale.catalogue import gettext, mark, t
from custode_authority.wire.reasons import REASONS, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.desktop.view.action import Action


class Choice(NamedTuple):
    """One thing that may have happened; `word` is the agency's own for it.

    `undoable`: the desk can still take it back.
    """

    reason: str
    title: str
    text: str
    effect: str
    word: str
    undoable: bool


_TOLD: Final[Mapping[Reason, tuple[str, str]]] = {
    Reason.LOST: (mark("I cannot find it"), mark("The token is lost; perhaps it turns up again.")),
    Reason.THEFT: (
        mark("It was stolen"),
        mark("Somebody else has the token, or you have to fear so."),
    ),
    Reason.MALFUNCTION: (
        mark("It does not work any more"),
        mark("You have the token in your hands, but it is broken."),
    ),
}
_HOLDS: Final = mark(
    "At once: the certificate is suspended, nobody can use it. The desk can still lift that."
)
_ENDS: Final = mark("At once: the certificate is cancelled for good. This cannot be undone.")


def choices() -> tuple[Choice, ...]:
    """What can be reported, in the order of the authority's table."""
    return tuple(
        Choice(
            reason=reason.value,
            title=gettext(_TOLD[reason][0]),
            text=gettext(_TOLD[reason][1]),
            effect=gettext(_HOLDS if row.holds else _ENDS),
            word=words.word(words.REASON, reason.value),
            undoable=row.holds,
        )
        for reason, row in REASONS.items()
        if row.reportable
    )


def asks_last_held(reason: str) -> bool:
    """Whether the day counts on which it was surely held: not where it never left the hands."""
    return reason in {Reason.LOST, Reason.THEFT}


def asks_backup_stolen(reason: str) -> bool:
    """Whether the copy may have been taken along (domain.md, Reasons)."""
    return reason == Reason.THEFT


class NextStep(NamedTuple):
    """What to do after a report, and the button that leads there."""

    text: str
    button: str
    action: Action


def next_step(done: Mapping[str, Any], reason: str) -> NextStep:
    """Lead on from a report: to the newest backup that can be used, or to a new certificate."""
    usable = done.get("usable") or []
    if not usable:
        text = t("Without a backup the way on is a new certificate, on a new token.")
        return NextStep(text, t("New certificate…"), window("reissue"))
    newest = usable[-1]
    if newest.get("place") == "token":
        action = window("activate", backup_id=newest.get("backup_id"), reason=reason)
    elif newest.get("state") == "collected":
        text = t("The backup is activated already: put it onto a new token.")
        return NextStep(text, t("Restore the backup…"), window("restore", folder=_folder(newest)))
    else:
        action = window(
            "activate",
            folder=_folder(newest),
            backup_id=newest.get("backup_id"),
            reason=reason,
        )
    text = t("Now you can have your backup activated: it takes the original's place.")
    return NextStep(text, t("Activate the backup…"), action)


def _folder(row: Mapping[str, Any]) -> str:
    return str(row.get("path") or row.get("folder_path") or "")


def is_reported(row: Mapping[str, Any] | None) -> bool:
    """Whether nothing is left to be reported about that certificate."""
    return row is not None and row.get("state") in {"suspended", "cancelled", "expired"}
