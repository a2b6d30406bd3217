"""`custode report`: the token is lost, stolen or broken. Takes effect at once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from custode.cli.command import argument, make_command, option, pass_face
from custode.cli.face import sure
from custode.cli.secret_options import Secrets, secret_options
from custode.cli.session import call
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale import endings, moments, words
from custode.locale.catalogue import mark, t
from custode_authority.wire.reasons import REASONS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from custode.cli.face import Face

_REPORTABLE = [reason.value for reason, row in REASONS.items() if row.reportable]


@make_command(
    "report",
    mark(
        "Report that the token is lost, stolen or broken.\n\n"
        "Needs your account's password, not the token. Lost and broken: the certificate is"
        " suspended at once. Stolen: it is cancelled at once, and this cannot be undone. With"
        " --last-held, a report of loss or theft makes every backup void that was made after that"
        " day (by the calendar in Rome), for whoever had the token may have made it; they are shown"
        " first."
    ),
)
@argument("reason", "|".join(_REPORTABLE), type=click.Choice(_REPORTABLE))
@option(
    "--last-held",
    type=click.DateTime(["%Y-%m-%d", "%d/%m/%Y"]),
    metavar=mark("DATE"),
    text=mark("The last day you surely had the token (dd/mm/yyyy); voids later backups."),
)
@option(
    "--backup-stolen-too/--backup-safe",
    default=None,
    text=mark(
        "Whether the backup (its folder, its spare token) was stolen too; it is then made void."
    ),
)
@option("--operation", metavar="ID", text=mark("Which certificate, when several could be meant."))
@option("--yes", is_flag=True, text=mark("Do not ask."))
@secret_options("password")
@pass_face
def command(
    face: Face,
    reason: str,
    operation: str | None,
    last_held: datetime | None,
    backup_stolen_too: bool | None,
    yes: bool,
    secrets: Secrets,
) -> None:
    """Show what it does, then report it."""
    if last_held is not None and last_held.date() > moments.today():
        what = t("The day of --last-held lies in the future. Nothing was sent.")
        raise CustodeError(ErrorCode.USAGE, what=what)
    params = {
        "reason": reason,
        "last_held": None if last_held is None else last_held.date().isoformat(),
        "backup_stolen_too": bool(backup_stolen_too),
        "operation": operation,
    }
    seen = call(face, "report.preview", params)
    _announce(face, seen["certificate"], reason)
    if reason == "theft" and backup_stolen_too is None and not yes and face.can_ask():
        params["backup_stolen_too"] = face.confirm(t("Was the backup stolen too?"))
        seen = call(face, "report.preview", params)
    if _announce_ends(face, seen) and last_held is not None and not yes:
        sure(face, t("Report it, and make them void?"), t("Nothing was reported."))
    face.show(call(face, "report", params, secrets), partial(_tell, reason=reason))


def _announce(face: Face, certificate: Mapping[str, Any], reason: str) -> None:
    """Say what is about to happen; a report that is repeated changes nothing more."""
    if effect := endings.report_effect(certificate, reason):
        face.note(effect)


def _announce_ends(face: Face, seen: Mapping[str, Any]) -> bool:
    """Name the backups that end with it, and the certificates that came out of them."""
    parts = endings.report_ends(seen)
    for part in parts:
        face.note(part.text)
        for row in part.rows:
            face.note(f"  – {row}")
    return bool(parts)


def _tell(face: Face, done: Mapping[str, Any], *, reason: str) -> None:
    face.say(endings.reported(done), bold=True)
    for line in (*endings.ended_by_report(done), *endings.usable(done)):
        face.say(line)
    usable = done.get("usable") or []
    if not usable:
        face.say(t("Next, for a new certificate on a new token: custode reissue --token TOKEN"))
        return
    newest = usable[-1]
    folder = newest.get("path") or newest.get("folder") or t("FOLDER")
    next_step = "backup.restore" if newest.get("state") == "collected" else "backup.activate"
    serial = newest.get("token")
    named = f"--on-token {serial}" if serial else str(newest.get("backup_id") or "")
    if newest.get("place") == "token":
        next_step = "spare.activate"
    command = t(words.GO_ON[next_step], folder=folder, named=named, reason=reason)
    face.say(t("Next: {command}", command=command))
