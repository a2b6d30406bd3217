"""`custode csr`: a key made on the token, and the request (PKCS#10, RFC 2986) signed there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from custode import files
from custode.cli.command import TOKEN, make_command, option, pass_face
from custode.cli.face import sure
from custode.cli.secret_options import Secrets, secret_options
from custode.cli.session import call
from custode.locale import outcomes
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face

KEYS = ("rsa2048", "rsa3072", "rsa4096", "p256", "p384")


@make_command(
    "csr",
    mark(
        "Make a key on the token and write the request for its certificate.\n\n"
        "The key never leaves the token, unless --copyable lets it. The file is for"
        " `custode request`, or for the portal's page; a file that is already there is never"
        " written over."
    ),
)
@option("--token", metavar=mark("TOKEN"), text=TOKEN)
@option("--key", type=click.Choice(KEYS), default="rsa2048", text=mark("Type and size of the key."))
@option(
    "--copyable",
    is_flag=True,
    text=mark("A key that can leave the token, encrypted, for a backup of kind `copy`."),
)
@option("--out", required=True, metavar=mark("FILE.csr"), text=mark("The file to write."))
@option("--yes", is_flag=True, text=mark("Do not ask."))
@secret_options("pin", "so-pin")
@pass_face
def command(
    face: Face,
    token: str | None,
    key: str,
    copyable: bool,
    out: str,
    yes: bool,
    secrets: Secrets,
) -> None:
    """Make the key, write the file."""
    if copyable:
        face.note(t("A copyable key can leave its token, encrypted, for a backup of kind `copy`."))
        face.note(t(outcomes.UNNOTICED))
        if not yes:
            sure(face, t("Make a key that can leave its token?"), t("No key was made."))
    with files.new_file(out, ".csr") as file:
        params = {"token": token, "key": key, "copyable": copyable}
        made = call(face, "csr.create", params, secrets)
        file.write(made["csr"].encode("ascii"))
    face.show({**made, "path": files.absolute(out)}, _tell)


def _tell(face: Face, made: Mapping[str, Any]) -> None:
    face.say(t("The key was made on the token, and the request was signed there."))
    face.facts([(t("File"), made["path"]), (t("Key"), str(made.get("key_id", "")))])
    if made.get("extractable"):
        face.say(t("It can be copied: custode backup create --kind copy --to DIR"))
    face.say(t("Next: custode request --csr {path}", path=made["path"]))
