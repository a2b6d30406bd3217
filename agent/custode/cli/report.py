"""`custode report`: the token is lost, stolen or broken. Takes effect at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from custode.cli.command import argument, make_command, option, pass_face
from custode.cli.secret_options import Secrets, secret_options
from custode.cli.session import call
from custode.locale import words
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
        " suspended at once. Stolen: it is cancelled at once, and this cannot be undone."
    ),
)
@argument("reason", "|".join(_REPORTABLE), type=click.Choice(_REPORTABLE))
@option(
    "--last-held",
    type=click.DateTime(["%Y-%m-%d", "%d/%m/%Y"]),
    metavar=mark("DATE"),
    text=mark("The last day you surely had the token (dd/mm/yyyy)."),
)
@option(
    "--backup-stolen-too/--backup-safe",
    default=None,
    text=mark("Whether the backup's folder was stolen as well; it is then made void."),
)
@secret_options("password")
@pass_face
def command(
    face: Face,
    reason: str,
    last_held: datetime | None,
    backup_stolen_too: bool | None,
    secrets: Secrets,
) -> None:
    """Report it."""
    if reason == "theft":
        face.note(t("The certificate will be cancelled at once. This cannot be undone."))
    else:
        face.note(t("The certificate will be suspended at once: nobody can use it any more."))
    if reason == "theft" and backup_stolen_too is None and face.can_ask():
        backup_stolen_too = face.confirm(t("Was the backup stolen too?"))
    params = {
        "reason": reason,
        "last_held": None if last_held is None else last_held.date().isoformat(),
        "backup_stolen_too": bool(backup_stolen_too),
    }
    face.show(call(face, "report", params, secrets), _tell)


def _tell(face: Face, done: Mapping[str, Any]) -> None:
    state = words.word(words.CERTIFICATE, done.get("state"))
    face.say(t("Reported. The certificate is now: {state}.", state=state), bold=True)
    retired = done.get("retired_backups") or []
    for backup in retired:
        face.say(t("Backup {backup} is no longer valid.", backup=backup))
    for operation in done.get("rejected_requests") or []:
        face.say(t("Request {operation} was rejected.", operation=operation))
    if not retired:
        face.say(t("Your backup was not touched."))
    face.say(t("Next, if you have a backup: custode backup activate FOLDER --reason REASON"))
