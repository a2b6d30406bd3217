"""`custode snooze`: what is pending, and what one does not want to be reminded of yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from custode.cli.command import argument, make_command, option, pass_face
from custode.cli.session import call
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale import moments, words
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from custode.cli.face import Face

    Row = Mapping[str, Any]


@make_command(
    "snooze",
    mark(
        "Be reminded later of something that is pending.\n\n"
        "Until tomorrow morning, or until the morning of DATE; a day that has come ends it. Without"
        " KEY it lists what is pending. What is left alone stays listed here and in `custode"
        " status`; it only is not notified."
    ),
)
@argument("key", mark("[KEY]"), required=False)
@option(
    "--until",
    type=click.DateTime(["%Y-%m-%d", "%d/%m/%Y"]),
    metavar=mark("DATE"),
    text=mark("Not before that day (dd/mm/yyyy)."),
)
@pass_face
def command(face: Face, key: str | None, until: datetime | None) -> None:
    """List, or leave one alone."""
    if key is None and until is not None:
        raise CustodeError(
            ErrorCode.USAGE, what=t("--until is for one KEY: name what it is about.")
        )
    needs = call(face, "status")["needs"]
    if key is None:
        face.show({"needs": needs}, _tell_needs)
        return
    params = {
        "key": _meant(key, needs),
        "until": None if until is None else until.date().isoformat(),
    }
    face.show(call(face, "need.snooze", params), _tell_snoozed)


def _meant(word: str, needs: Sequence[Row]) -> str:
    """The key of the need that is named by the beginning of its key.

    :raises CustodeError: NO_SUCH_NEED; USAGE when several begin so
    """
    found = [str(row["key"]) for row in needs if str(row["key"]).startswith(word)]
    exact = [key for key in found if key == word]
    match exact or found:
        case [one]:
            return one
        case []:
            raise CustodeError(ErrorCode.NO_SUCH_NEED, need=word)
        case several:
            keys = ", ".join(_short(key, needs) for key in several)
            raise CustodeError(ErrorCode.USAGE, what=t("Several begin so: {keys}", keys=keys))


def _short(key: str, needs: Sequence[Row]) -> str:
    """What names a need on the command line: its kind, where there is only one of that kind."""
    kind = key.partition(":")[0]
    alone = sum(str(row["key"]).startswith(f"{kind}:") for row in needs) == 1
    return kind if alone else key


def _tell_needs(face: Face, found: Row) -> None:
    needs = found["needs"]
    if not needs:
        face.say(t("Nothing is pending."))
        return
    face.table(
        (t("Key"), t("What is pending"), t("Reminder")),
        [
            (
                _short(str(row["key"]), needs),
                words.need(row)[0],
                moments.minute(row.get("snoozed_until")),
            )
            for row in needs
        ],
    )


def _tell_snoozed(face: Face, done: Row) -> None:
    face.say(t("You will be reminded on {when}.", when=moments.minute(done["until"])))
