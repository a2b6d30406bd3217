"""The five steps of an activation (backup.md), where a backup stands in them, and what is next."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from custode.locale import moments, words
from custode.locale.backup_words import RETIRED
from custode.locale.catalogue import gettext, mark, t
from custode.locale.lines import backup_named, serial_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    Row = Mapping[str, Any]


class Now(StrEnum):
    """The step at which somebody has to do something; or it is over."""

    REPORT = "report"
    REQUEST = "request"
    APPROVAL = "approval"
    COLLECT = "collect"
    RESTORE = "restore"
    DONE = "done"
    DEAD = "dead"


class Mark(StrEnum):
    """How far one step is."""

    DONE = "done"
    NOW = "now"
    LATER = "later"


class Step(NamedTuple):
    """One of the five, in order; `when`: since when, or on which day."""

    number: int
    title: str
    when: str
    mark: Mark


_ORDER: Final = (Now.REPORT, Now.REQUEST, Now.APPROVAL, Now.COLLECT, Now.RESTORE)
_TITLES: Final[Mapping[Now, str]] = {
    Now.REPORT: mark("Report what happened"),
    Now.REQUEST: mark("Ask for the activation"),
    Now.APPROVAL: mark("The desk approves it"),
    Now.COLLECT: mark("Collect the new certificate"),
    Now.RESTORE: mark("Put it onto a new token"),
}
_ON_SPARE: Final = mark("The spare token takes its place")
_BY_STATE: Final[Mapping[str, Now]] = {
    "registered": Now.REQUEST,
    "requested": Now.APPROVAL,
    "approved": Now.COLLECT,
    "collected": Now.RESTORE,
    "restored": Now.DONE,
}
_ALIVE: Final = frozenset({"registered", "requested", "approved", "collected"})
_ENDED: Final = frozenset({"suspended", "cancelled", "expired"})


def now(backup: Row, original: Row | None) -> Now:
    """Say at which step a backup stands; an original that is not known here was not reported."""
    found = _BY_STATE.get(str(backup.get("state")), Now.DEAD)
    if found is Now.REQUEST and (original or {}).get("state") not in _ENDED:
        return Now.REPORT
    return found


def steps(backup: Row, original: Row | None) -> tuple[Step, ...]:
    """All five, in order."""
    at = now(backup, original)
    dead = at is Now.DEAD
    reached = len(_ORDER) if at is Now.DONE else -1 if dead else _ORDER.index(at)
    found = []
    for place, kind in enumerate(_ORDER):
        mark_ = Mark.DONE if place < reached else Mark.NOW if place == reached else Mark.LATER
        title = _ON_SPARE if kind is Now.RESTORE and on_token(backup) else _TITLES[kind]
        when = _when(kind, backup, original or {}) if mark_ is not Mark.LATER else ""
        found.append(Step(place + 1, gettext(title), when, mark_))
    return tuple(found)


def _when(kind: Now, backup: Row, original: Row) -> str:
    match kind:
        case Now.REPORT:
            told = original.get("reported_at") or original.get("cancelled_at")
            reason = words.word(words.REASON, original.get("reported"))
            return ", ".join(part for part in (moments.minute(told), reason) if part)
        case Now.REQUEST:
            return moments.minute(backup.get("requested_at"))
        case Now.APPROVAL if backup.get("state") == "requested":
            asked = moments.minute(backup.get("requested_at"))
            return t("waiting since {moment}", moment=asked) if asked else ""
        case Now.APPROVAL:
            return moments.minute(backup.get("approved_at"))
        case _:
            return ""


class Told(NamedTuple):
    """What stands below the steps: a title, what there is to know, the words on the button."""

    title: str
    text: str
    button: str


_TOLD: Final[Mapping[Now, tuple[str, str, str]]] = {
    Now.REPORT: (
        mark("First say what happened to the original"),
        mark(
            "A backup cannot be used while the original is active. With your report the original"
            " is stopped at once."
        ),
        mark("Report a loss, theft or fault…"),
    ),
    Now.REQUEST: (
        mark("Ask the desk to activate this backup"),
        mark(
            "Once it is approved, the old original is cancelled for good. You are asked for the"
            " backup's PIN: five wrong ones in all lock it."
        ),
        mark("Ask for the activation…"),
    ),
    Now.APPROVAL: (
        mark("The desk has to approve it"),
        mark(
            "You need not wait here: you can close this window. Custode tells you as soon as it is"
            " approved."
        ),
        "",
    ),
    Now.COLLECT: (
        mark("It is approved: collect the new certificate"),
        mark("The old original is then cancelled for good, even if it turns up again."),
        mark("Collect…"),
    ),
    Now.RESTORE: (
        mark("The backup is activated"),
        mark("Put it onto a new token: that one becomes your original."),
        mark("Put it onto a token…"),
    ),
    Now.DONE: (
        mark("This backup has been used"),
        mark("Its key is on a token, which is your original now."),
        "",
    ),
}
_SPARE: Final[Mapping[Now, tuple[str, str]]] = {
    Now.REQUEST: (
        mark(
            "Once it is approved, the old original is cancelled for good. You are asked for the PIN"
            " of the spare token, whose key signs for it."
        ),
        mark("Ask for the activation…"),
    ),
    Now.COLLECT: (
        mark(
            "The old original is then cancelled for good, even if it turns up again, and the spare"
            " token is your original."
        ),
        mark("Collect…"),
    ),
    Now.RESTORE: (
        mark("One step is left to be done on the spare token; then it is your original."),
        mark("Finish…"),
    ),
}


def told(backup: Row, original: Row | None) -> Told:
    """What to do next."""
    at = now(backup, original)
    if at is Now.DEAD:
        return Told(t("This backup can no longer be used"), why_dead(backup), "")
    title, text, button = _TOLD[at]
    if on_token(backup) and at in _SPARE:
        text, button = _SPARE[at]
    return Told(gettext(title), gettext(text), gettext(button))


def why_dead(backup: Row) -> str:
    """Why it is over."""
    why = RETIRED.get(str(backup.get("retired_why")))
    if why is not None:
        return gettext(why)
    if backup.get("state") == "locked":
        return words.word(words.GATE, "backup_locked")
    return words.word(words.GATE, "backup_retired")


def ends_the_original(backup: Row, original: Row | None) -> bool:
    """Whether the next step may end something for good, which has to be agreed to.

    Asking does where the authority approves at once, as one on this computer may.
    """
    return now(backup, original) in {Now.REQUEST, Now.COLLECT}


def is_ours(backup: Row, original: Row | None) -> bool:
    """Whether the next step is one that Custode does itself, and gives the reason for."""
    at = now(backup, original)
    return at in {Now.REQUEST, Now.COLLECT} or (at is Now.RESTORE and on_token(backup))


def on_token(backup: Row) -> bool:
    """Whether it lies on a spare token."""
    return backup.get("place") == "token"


def tries_left(backup: Row) -> int | None:
    """How many wrong PINs the backup still bears; None where none is counted."""
    left = backup.get("tries_remaining")
    return None if on_token(backup) or left is None else int(left)


def original_of(status: Row, backup: Row) -> Row | None:
    """The certificate that a backup is of."""
    rows: list[Row] = list(status.get("certificates") or ())
    wanted = backup.get("original_sha256")
    return next((row for row in rows if row.get("fingerprint_sha256") == wanted), None)


def reason_of(status: Row, backup: Row) -> str:
    """What was reported of its original from here; nothing where that is not known."""
    return str((original_of(status, backup) or {}).get("reported") or "")


class Candidate(NamedTuple):
    """A backup that can go on, as a choice."""

    backup_id: str
    name: str
    state: str
    folder: str
    serial: str
    row: Row


def candidates(status: Row) -> tuple[Candidate, ...]:
    """Backups that can still go on: what is furthest first, then the newest."""
    rows = [row for row in status.get("backups") or () if row.get("state") in _ALIVE]
    rows.sort(key=lambda row: str(row.get("created_at")), reverse=True)
    rows.sort(key=lambda row: list(_BY_STATE).index(str(row["state"])), reverse=True)
    return tuple(
        Candidate(
            backup_id=str(row.get("backup_id")),
            name=backup_named(row),
            state=words.word(words.BACKUP, row.get("state")),
            folder=str(row.get("folder_path") or ""),
            serial=serial_of(row) if on_token(row) else "",
            row=row,
        )
        for row in rows
    )


def find(status: Row, *, backup_id: str = "", folder: str = "", serial: str = "") -> Row | None:
    """The backup that a window was opened for."""
    rows: list[Row] = list(status.get("backups") or ())
    for row in rows:
        if backup_id and row.get("backup_id") == backup_id:
            return row
        if folder and folder in {row.get("folder_path"), row.get("folder_name")}:
            return row
        if serial and on_token(row) and serial_of(row) == serial and row.get("state") in _ALIVE:
            return row
    return None
