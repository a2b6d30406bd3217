"""`custode demo`: the whole life of a certificate, on a software token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from custode.cli.command import make_command, option, pass_face
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import current, mark, t

if TYPE_CHECKING:
    from custode.cli.face import Face


@make_command(
    "demo",
    mark(
        "Show the whole life of a certificate on a software token.\n\n"
        "From the inserted token to the activated backup, with a real authority on this computer."
        " Your own data is not touched, and nothing is left behind unless --keep says where."
    ),
)
@option("--keep", metavar=mark("DIR"), text=mark("Keep everything in this folder."))
@option(
    "--card",
    type=click.Choice(("piv", "openpgp")),
    text=mark("Play it on virtual smart cards in readers of a real pcscd, not on software tokens."),
)
@option("--fast", is_flag=True, text=mark("Shorter waits; no check is left out."))
@option(
    "--play",
    is_flag=True,
    text=mark("Open tray and panel instead, with tokens to plug in and out."),
)
@pass_face
def command(face: Face, keep: str | None, card: str | None, fast: bool, play: bool) -> int:
    """Run it."""
    if play:
        if keep or card or fast or face.json:
            what = t("--play stands alone: it shows windows, and keeps nothing.")
            raise CustodeError(ErrorCode.USAGE, what=what)
        from custode.demo import play as playing

        played: int = playing.main(lang=current())
        return played
    from custode.demo.run import main

    status: int = main(keep, card=card, fast=fast, json_lines=face.json, lang=current())
    return status
