"""`custode demo`: the whole life of a certificate, on a software token."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
@option("--fast", is_flag=True, text=mark("Shorter waits; no check is left out."))
@pass_face
def command(face: Face, keep: str | None, fast: bool) -> int:
    """Run it."""
    from custode.demo.run import main

    status: int = main(keep, fast=fast, json_lines=face.json, lang=current())
    return status
