"""`custode authority`: the counter side. A program of its own runs it; the agent has it saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from custode import files
from custode.cli.command import argument, make_group, option, pass_face
from custode.cli.secret_options import Secrets, secret_options
from custode.cli.session import call
from custode.locale import moments
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face

_PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True}


@make_group("authority", mark("The counter side: set it up, run it, keep a copy of it elsewhere."))
def command() -> None:
    """Hold the subcommands."""


@command.subcommand(
    "init",
    mark("Set up an authority in a folder: its keys, its database.\n\nNeeds --home DIR."),
    context_settings=dict(_PASS_ON),
)
@click.pass_context
def init(ctx: click.Context) -> int:
    """Pass everything on."""
    return _run("init", ctx.args)


@command.subcommand(
    "serve",
    mark("Run an authority in the foreground.\n\nNeeds --home DIR."),
    context_settings=dict(_PASS_ON),
)
@click.pass_context
def serve(ctx: click.Context) -> int:
    """Pass everything on."""
    return _run("serve", ctx.args)


@command.subcommand(
    "backup",
    mark(
        "Save the authority of this computer: the recovery export.\n\n"
        "One file under a PIN of its own: keep it elsewhere, never together with a backup's folder."
        " Without it, to lose this computer is to lose the authority. Make a new one after every"
        " new certificate."
    ),
)
@option(
    "--to",
    required=True,
    metavar=mark("FILE|DIR"),
    text=mark("A folder, or the name of a new file."),
)
@secret_options("export-pin")
@pass_face
def backup(face: Face, to: str, secrets: Secrets) -> None:
    """Save it."""
    params = {"to": files.absolute(to)}
    face.show(call(face, "authority.backup", params, secrets), _tell_made)


@command.subcommand(
    "restore",
    mark(
        "Bring the authority of this computer back from its recovery export.\n\n"
        "It starts closed: every backup made before is locked, because nobody can show what was"
        " done after the export. Certificates, status, cancellation and the account go on."
    ),
)
@argument("source", mark("FROM"))
@option(
    "--replace",
    is_flag=True,
    text=mark("Also when there is an authority already; it is moved aside."),
)
@secret_options("export-pin")
@pass_face
def restore(face: Face, source: str, replace: bool, secrets: Secrets) -> None:
    """Bring it back."""
    params = {"source": files.absolute(source), "replace": replace}
    face.show(call(face, "authority.restore", params, secrets), _tell_restored)


def _tell_made(face: Face, made: Mapping[str, Any]) -> None:
    face.say(t("The authority is saved."), bold=True)
    face.facts(
        [
            (t("File"), str(made.get("path") or "")),
            (t("Authority"), str(made.get("authority_name") or "")),
            ("SHA-256", str(made.get("sha256") or "")),
        ]
    )
    face.say(t("Keep the file and its PIN elsewhere, never together with a backup's folder."))


def _tell_restored(face: Face, done: Mapping[str, Any]) -> None:
    moment = moments.minute(done.get("exported_at"))
    face.say(t("The authority is back, as it was on {moment}.", moment=moment), bold=True)
    for backup_id in done.get("locked_backups") or []:
        face.say(t("Backup {backup} is no longer valid.", backup=backup_id))
    for fingerprint in done.get("ended_certificates") or []:
        face.say(t("Certificate {fingerprint} was ended again.", fingerprint=fingerprint))
    if done.get("moved_aside"):
        face.say(t("What was there before lies in {path}.", path=str(done["moved_aside"])))
    face.say(t("Next: custode status"))


def _run(name: str, args: list[str]) -> int:
    from custode_authority.main import program

    status: int = program([name, *args])
    return status
