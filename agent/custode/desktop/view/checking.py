"""What the window that checks a backup shows: the folders that are known, and what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custode.desktop.view.backup import Spot
from custode.locale import backup_lines, moments, words
from custode.locale.catalogue import t
from custode.locale.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Row = Mapping[str, Any]


def known(status: Row, here: Callable[[str], bool], named: str = "") -> tuple[Spot, ...]:
    """The folders that were written here, newest first; `named`: one chosen by hand.

    `here`: whether a folder can be seen now; its stick may be elsewhere, as it should.
    """
    rows: Sequence[Row] = status.get("backups") or ()
    folders = {str(row["folder_path"]): row for row in rows if row.get("folder_path")}
    newest = sorted(folders.items(), key=lambda item: str(item[1]["created_at"]), reverse=True)
    found = [_spot(path, row, here(path)) for path, row in newest]
    if named and named not in folders:
        found.insert(0, Spot(named, t("The folder you have chosen"), printable(named)))
    return tuple(found)


def first_choice(places: Sequence[Spot]) -> str:
    """What stands chosen at the beginning: the newest that is here."""
    return next((one.value for one in places if not one.why_not), "")


def is_good(found: Row) -> bool:
    """Whether it could be used on the day it is needed."""
    return not backup_lines.verified(found)[1]


def verdict(found: Row) -> tuple[str, str]:
    """The headline, and what to know besides: what is worse stands first."""
    whole, of_no_use = backup_lines.verified(found)
    if of_no_use:
        return of_no_use, whole
    return whole, t("It is ready for the day on which you need it.")


def _spot(path: str, row: Row, is_here: bool) -> Spot:  # noqa: FBT001 - one of its facts
    made = t("made on {day}", day=moments.day(row.get("created_at")))
    state = words.word(words.BACKUP, row.get("state"))
    gone = t("It is not here now: plug in its stick.")
    return Spot(
        path,
        printable(str(row.get("folder_name") or path)),
        f"{made} · {state}\n{printable(path)}",
        "" if is_here else f"{made} · {state}\n{gone}",
    )
