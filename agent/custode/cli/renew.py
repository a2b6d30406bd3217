"""`custode renew`: a new key and certificate, and only then the old one ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from custode.cli.command import make_command, option, pass_face
from custode.cli.csr import KEYS
from custode.cli.secret_options import Secrets, secret_options
from custode.cli.session import call
from custode.locale import outcomes
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
    face.say(t(outcomes.RENEWED), bold=True)
    tell_new(face, done)
    for line in outcomes.old_one(done):
        face.say(line)
    tell_end(face, done)


def tell_new(face: Face, done: Mapping[str, Any]) -> None:
    """Name the new certificate."""
    face.facts(outcomes.certificate(done))


def tell_end(face: Face, done: Mapping[str, Any]) -> None:
    """Name the backups that ended, and what is to be done now."""
    for line in outcomes.ended_backups(done):
        face.say(line)
    face.say(t(outcomes.BACK_UP_NOW), bold=True, colour="red")
    face.say("  → " + t("custode backup create --to DIR"))
