"""`custode cancel`: what the cumulative rule takes in is shown before anything is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from custode.cli.command import argument, make_command, option, pass_face
from custode.cli.face import sure
from custode.cli.secret_options import Secrets, secret_options
from custode.cli.session import call
from custode.locale import endings
from custode.locale.catalogue import mark, t
from custode_authority.wire.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face


@make_command(
    "cancel",
    mark(
        "Cancel certificates, for one of the agency's six reasons.\n\n"
        "Your first cancellation takes in ALL your active certificates; later ones only those you"
        " name. What would be cancelled is shown before anything is asked. A cancellation cannot be"
        " undone; a new certificate can be requested at any time."
    ),
)
@argument("operations", mark("IDOPERAZIONE..."), nargs=-1, required=True)
@option(
    "--reason",
    required=True,
    type=click.Choice([reason.value for reason in Reason]),
    text=mark("Why."),
)
@option("--note", default="", metavar=mark("TEXT"), text=mark("A note for your own log."))
@option("--yes", is_flag=True, text=mark("Do not ask."))
@option("--preview", is_flag=True, text=mark("Only show what would be cancelled."))
@secret_options("pin")
@pass_face
def command(
    face: Face,
    operations: tuple[str, ...],
    reason: str,
    note: str,
    yes: bool,
    preview: bool,
    secrets: Secrets,
) -> None:
    """Show, ask, cancel."""
    asked = {"operations": list(operations), "reason": reason}
    seen = call(face, "cancel.preview", asked)
    if preview:
        face.show(seen, _tell_preview)
        return
    for line in preview_lines(seen):
        face.note(line)
    if not yes:
        sure(face, t("Cancel them for good?"), t("Nothing was cancelled."))
    covered = sorted(row["serial_number"] for row in seen["covered"])
    params = {**asked, "note": note, "covered": covered}
    face.show(call(face, "cancel.run", params, secrets), _tell_done)


def preview_lines(seen: Mapping[str, Any]) -> list[str]:
    """Say what would be cancelled, and why so much."""
    part = endings.cancellation(seen)
    rows = (f"  – {row}" for row in part.rows)
    return [part.text, *rows, *endings.cancellation_why(seen)]


def _tell_preview(face: Face, seen: Mapping[str, Any]) -> None:
    for line in preview_lines(seen):
        face.say(line)
    face.say(t("Nothing was cancelled: this was the preview."))


def _tell_done(face: Face, done: Mapping[str, Any]) -> None:
    part = endings.cancelled(done)
    face.say(part.text)
    for row in part.rows:
        face.say(f"  – {row}")
    if done.get("reason") == Reason.THEFT:
        face.say(
            t("If the backup's folder was stolen too: custode report theft --backup-stolen-too")
        )
    face.say(t("A new certificate can be requested at any time: custode csr --out FILE.csr"))
