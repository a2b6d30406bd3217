"""`custode renew`: a new key and certificate, and only then the old one ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from custode.cli.command import make_command, option, pass_face
from custode.cli.csr import KEYS
from custode.cli.secret_options import Secrets, secret_options
from custode.cli.session import call
from custode.locale import moments, words
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face


@make_command(
    "renew",
    mark(
        "Renew your certificate: a new key and a new certificate on the same token.\n\n"
        "The old certificate is cancelled only once the new one has proved itself, and backups of"
        " the old one end. Works until the last day and afterwards. Interrupted anywhere, run it"
        " again: it goes on from where it was, and one of the two certificates always works."
    ),
)
@option("--key", type=click.Choice(KEYS), text=mark("Kind of key; else that of the old one."))
@option(
    "--destroy-old-key",
    is_flag=True,
    text=mark("Destroy the old key as well: what was encrypted for it cannot be read any more."),
)
@secret_options("pin", "so-pin")
@pass_face
def command(face: Face, key: str | None, destroy_old_key: bool, secrets: Secrets) -> None:
    """Renew it."""
    params = {"key": key, "destroy_old_key": destroy_old_key}
    face.show(call(face, "renew", params, secrets), _tell)


def _tell(face: Face, done: Mapping[str, Any]) -> None:
    face.say(t("Renewed. The new certificate is on the token and has proved itself."), bold=True)
    tell_new(face, done)
    state = words.word(words.CERTIFICATE, done.get("old_state"))
    face.say(
        t("The old certificate {operation} is now: {state}.", operation=done["old"], state=state)
    )
    if "certificate" in (done.get("old_on_token") or []):
        face.say(t("The token could not let go of the old certificate: it still lies there."))
    tell_end(face, done)


def tell_new(face: Face, done: Mapping[str, Any]) -> None:
    """Name the new certificate."""
    face.facts(
        [
            ("IdOperazione", str(done.get("id_operazione") or "")),
            (t("Token"), str(done.get("label") or done.get("token") or "")),
            (t("Expires on"), moments.day(done.get("expires_at"))),
        ]
    )


def tell_end(face: Face, done: Mapping[str, Any]) -> None:
    """Name the backups that ended, and what is to be done now."""
    for backup in done.get("retired_backups") or []:
        face.say(t("Backup {backup} is no longer valid.", backup=backup))
    face.say(t("Make your backup now!"), bold=True, colour="red")
    face.say("  → " + t("custode backup create --to DIR"))
