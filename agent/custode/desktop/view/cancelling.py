"""Which certificates can be cancelled, for which reasons, and the word that has to be typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from custode.locale import moments, words
from custode.locale.catalogue import gettext, mark, t
from custode_authority.wire.reasons import REASONS, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    Row = Mapping[str, Any]

_CANCELLABLE: Final = frozenset({"active", "suspended"})


class Cancellable(NamedTuple):
    """One certificate that can be chosen."""

    operation: str
    title: str
    text: str


def certificates(status: Row) -> tuple[Cancellable, ...]:
    """What can be cancelled, oldest first: the authority takes nothing else."""
    return tuple(
        Cancellable(
            operation=str(row.get("id_operazione")),
            title=t("Certificate {operation}", operation=row.get("id_operazione")),
            text=_about(row),
        )
        for row in status.get("certificates") or ()
        if row.get("state") in _CANCELLABLE
    )


def _about(row: Row) -> str:
    day, left = moments.day(row.get("expires_at")), moments.time_left(row.get("expires_at"))
    parts = [
        words.word(words.CERTIFICATE, row.get("state")),
        t("valid until {day} ({left})", day=day, left=left) if day else "",
        str(row.get("file_name") or ""),
    ]
    return ", ".join(part for part in parts if part)


class Why(NamedTuple):
    """One of the agency's six reasons, and what follows from it."""

    reason: str
    title: str
    text: str


_FOLLOWS: Final[Mapping[Reason, str]] = {
    Reason.LOST: mark("If a backup is to take its place, report the loss instead."),
    Reason.CEASED: mark("Every backup ends too, and none can be activated any more."),
    Reason.THEFT: mark("If a backup is to take its place, report the theft instead."),
    Reason.RENEWAL: mark("Only once the new certificate is active."),
    Reason.MALFUNCTION: mark("If a backup is to take its place, report the fault instead."),
    Reason.OTHER: mark("What you note stays in the log of this computer."),
}
_INSTEAD: Final = frozenset({Reason.LOST, Reason.THEFT, Reason.MALFUNCTION})


def reasons() -> tuple[Why, ...]:
    """All six, in the agency's order."""
    return tuple(
        Why(reason.value, words.word(words.REASON, reason.value), gettext(_FOLLOWS[reason]))
        for reason in REASONS
    )


def better_reported(reason: str) -> bool:
    """Whether a report would do better, for it leaves the backup alive."""
    return reason in _INSTEAD


def confirmation_word() -> str:
    """What has to be typed before anything is cancelled."""
    return t("CANCEL THEM")


def confirmed(typed: str) -> bool:
    """Whether it was typed, whatever the case and the blanks around it."""
    return " ".join(typed.split()).casefold() == confirmation_word().casefold()
