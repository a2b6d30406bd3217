"""`custode demo`: the whole life of a certificate, on a software token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from custode.cli.command import make_command, option, pass_face
from custode.locale.catalogue import current, mark

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
@pass_face
def command(face: Face, keep: str | None, card: str | None, fast: bool) -> int:
    """Run it."""
    from custode.demo.run import main

    status: int = main(keep, card=card, fast=fast, json_lines=face.json, lang=current())
    return status
