"""`custode reissue`: the token's PIN is gone for good; what is lost is shown before it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from custode.cli.command import TOKEN, make_command, option, pass_face
from custode.cli.csr import KEYS
from custode.cli.face import sure
from custode.cli.renew import tell_end, tell_new
from custode.cli.secret_options import Secrets, secret_options
from custode.cli.session import call
from custode.locale import endings
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face


@make_command(
    "reissue",
    mark(
        "Start again when the token's PIN is gone for good: a new PIN, a new key, a new"
        " certificate.\n\n"
        "The token is erased, its certificate is cancelled as superseded and every backup of it"
        " ends: this cannot be undone. Needs your account's password and the token's administrator"
        " PIN (SO PIN). If you still have a backup that works, report a malfunction and activate"
        " that instead. For a token that was reported and has no usable backup, name another token:"
        " it gets the new key and is not erased. Interrupted, run it again: it goes on."
    ),
)
@option("--token", metavar=mark("TOKEN"), text=TOKEN)
@option("--key", type=click.Choice(KEYS), text=mark("Kind of key; else that of the old one."))
@option("--yes", is_flag=True, text=mark("Do not ask."))
@option("--preview", is_flag=True, text=mark("Only show what would be lost."))
@secret_options("password", "so-pin", "new-pin", "pin")
@pass_face
def command(
    face: Face, token: str | None, key: str | None, yes: bool, preview: bool, secrets: Secrets
) -> None:
    """Show, ask, issue again."""
    seen = call(face, "reissue.preview", {"token": token})
    if preview:
        face.show(seen, _tell_preview)
        return
    for line in preview_lines(seen):
        face.note(line)
    if not yes:
        sure(face, t("Give them up for good?"), t("Nothing was given up."))
    params = {"token": seen["token"], "given_up": seen["given_up"], "key": key}
    face.show(call(face, "reissue.run", params, secrets), _tell)


def preview_lines(seen: Mapping[str, Any]) -> list[str]:
    """Say what is lost."""
    lines = [goes_on] if (goes_on := endings.reissue_goes_on(seen)) else []
    lines += endings.reissue_erases(seen)
    part = endings.reissue_gives_up(seen)
    return [*lines, part.text, *(f"  – {row}" for row in part.rows)]


def _tell_preview(face: Face, seen: Mapping[str, Any]) -> None:
    for line in preview_lines(seen):
        face.say(line)


def _tell(face: Face, done: Mapping[str, Any]) -> None:
    face.say(
        t("Issued again. The new certificate is on the token and has proved itself."), bold=True
    )
    tell_new(face, done)
    tell_end(face, done)
