"""`custode backup`: make one, look at one, and bring one to life when the original is gone."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from custode import files
from custode.cli import backup_told as told
from custode.cli import spare_told
from custode.cli.command import argument, make_group, option, pass_face
from custode.cli.face import sure
from custode.cli.secret_options import Secrets, secret_options
from custode.cli.session import call
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale import words
from custode.locale.catalogue import mark, t
from custode_authority.wire.reasons import REASONS
from custode_authority.wire.states import BackupKind

if TYPE_CHECKING:
    from custode.cli.face import Face

_ASKED_FOR = frozenset({"requested", "approved"})
_KINDS = [kind.value for kind in BackupKind]
_REASONS = [reason.value for reason, row in REASONS.items() if row.reportable]


@make_group(
    "backup",
    mark(
        "The backup of your certificate: make it, check it, activate it.\n\n"
        "A backup cannot be used while the original is active. On loss or fault: custode report,"
        " then backup activate, then backup restore."
    ),
)
def command() -> None:
    """Hold the subcommands."""


@command.subcommand(
    "create",
    mark(
        "Save a backup of your certificate.\n\n"
        "With --to, a folder named with your code and the date appears in DIR. It asks for the"
        " token's PIN, and for a new PIN that is the backup's own: keep it, without it the backup"
        " is useless. With --on-token, the backup's key is made on a second token instead and never"
        " leaves it: both tokens are plugged in, each is asked for its own PIN, and no other PIN is"
        " needed.\n\n"
        "A `successor` is a spare key, for every token and every case. A `copy` is the very key of"
        " the original, for a fault only, and of a key that was made so: custode csr --copyable."
    ),
)
@option(
    "--kind",
    type=click.Choice(_KINDS),
    default=_KINDS[0],
    text=mark("A spare key, or the original's own one (for a fault only)."),
)
@option("--to", metavar=mark("DIR"), text=mark("Where the folder is to be made."))
@option(
    "--on-token",
    metavar=mark("TOKEN"),
    text=mark("The spare token: serial, label or pkcs11: URI."),
)
@option(
    "--include",
    multiple=True,
    metavar=mark("FILE"),
    text=mark("A file to take along, unencrypted (may be given several times)."),
)
@secret_options("pin", "backup-pin", "spare-pin", "so-pin")
@pass_face
def create(
    face: Face,
    kind: str,
    to: str | None,
    on_token: str | None,
    include: tuple[str, ...],
    secrets: Secrets,
) -> None:
    """Make it."""
    if (to is None) is (on_token is None) or (on_token is not None and include):
        raise CustodeError(ErrorCode.USAGE, what=t(words.ABOUT["one_place"]))
    params = {
        "to": None if to is None else files.absolute(to),
        "on_token": on_token,
        "kind": kind,
        "include": [files.absolute(file) for file in include],
    }
    done = call(face, "backup.create", params, secrets)
    face.show(done, told.created)


@command.subcommand("list", mark("Your backups and how each one stands."))
@pass_face
def list_(face: Face) -> None:
    """Show them."""
    face.show(call(face, "backup.list"), told.listed)


@command.subcommand(
    "show",
    mark(
        "What a backup folder says of itself. No PIN is needed.\n\n"
        "A backup on a spare token is named by its ID."
    ),
)
@argument("folder", mark("FOLDER|ID"))
@pass_face
def show(face: Face, folder: str) -> None:
    """Show it."""
    face.show(call(face, "backup.show", {"folder": files.absolute(folder)}), told.shown)


@command.subcommand(
    "verify", mark("Check that a backup folder is whole and yours. No PIN is needed.")
)
@argument("folder", mark("FOLDER"))
@pass_face
def verify(face: Face, folder: str) -> None:
    """Check it."""
    face.show(call(face, "backup.verify", {"folder": files.absolute(folder)}), told.verified)


@command.subcommand(
    "retire",
    mark(
        "Make a backup void, for example when its stick is lost.\n\n"
        "The original stays as it is; this backup can never be activated again."
    ),
)
@argument("backup", mark("ID|FOLDER"))
@option("--yes", is_flag=True, text=mark("Do not ask."))
@secret_options("pin")
@pass_face
def retire(face: Face, backup: str, yes: bool, secrets: Secrets) -> None:
    """Retire it, once it is known which one is meant."""
    if not yes:
        found = call(face, "backup.named", {"backup": backup})
        name = told.named(found)
        told.announce_signer(face, found.get("signer"))
        question = t("Make backup {backup} void for good?", backup=name)
        sure(face, question, t("The backup was not touched."))
        backup = found["backup_id"]
    face.show(call(face, "backup.retire", {"backup_id": backup}, secrets), told.retired)


@command.subcommand(
    "open",
    mark(
        "Open a backup, to see whether it works.\n\n"
        "Refused with every reason (exit status 10) while the original is active. When it may be"
        " used: asks for the backup's PIN, proves the key, shows what restore would do, and writes"
        " nothing. Only a token can open a `copy`: it asks for that token's PIN as well, and leaves"
        " nothing on it."
    ),
)
@argument("folder", mark("FOLDER"))
@option("--token", metavar=mark("TOKEN"), text=mark("Which token opens a copy."))
@secret_options("backup-pin", "pin")
@pass_face
def open_(face: Face, folder: str, token: str | None, secrets: Secrets) -> None:
    """Try it."""
    params = {"folder": files.absolute(folder), "token": token}
    face.show(call(face, "backup.open", params, secrets), told.opened)


@command.subcommand(
    "activate",
    mark(
        "Ask for the activation of a backup, and collect it once it is granted.\n\n"
        "First report what happened to the original: custode report. Five wrong PINs in all lock"
        " the backup for good.\n\n"
        "A backup on a spare token is named by its ID or with --on-token. The token's own PIN is"
        " asked for, its key signs the request, and the token becomes your original at once: no"
        " restore is needed."
    ),
)
@argument("folder", mark("FOLDER|ID"), required=False)
@option(
    "--on-token",
    metavar=mark("TOKEN"),
    text=mark("The spare token: serial, label or pkcs11: URI."),
)
@option("--reason", required=True, type=click.Choice(_REASONS), text=mark("Why."))
@option("--wait", is_flag=True, text=mark("Wait until the desk has approved it."))
@secret_options("backup-pin", "pin", "so-pin")
@pass_face
def activate(
    face: Face,
    folder: str | None,
    on_token: str | None,
    reason: str,
    wait: bool,
    secrets: Secrets,
) -> None:
    """Activate it."""
    if (folder is None) is (on_token is None):
        raise CustodeError(ErrorCode.USAGE, what=t(words.ABOUT["one_place"]))
    params = {
        "folder": None if folder is None else files.absolute(folder),
        "on_token": on_token,
        "reason": reason,
        "wait": wait,
    }
    try:
        done = call(face, "backup.activate", params, secrets)
    except (CustodeError, KeyboardInterrupt) as stopped:
        if isinstance(stopped, CustodeError) and stopped.code is not ErrorCode.CANCELLED:
            raise
        raise _stopped(face, folder, on_token) from stopped
    face.show(done, told.activated if "token" not in done else spare_told.activated)


def _stopped(face: Face, folder: str | None, on_token: str | None) -> CustodeError:
    """What to say of an activation that was broken off: what was asked for before stays."""
    with contextlib.suppress(CustodeError):
        if folder is not None:
            found = call(face, "backup.show", {"folder": files.absolute(folder)}, start=False)
            if found.get("state") in _ASKED_FOR:
                return CustodeError(ErrorCode.CANCELLED, requested=folder)
        else:
            listed = call(face, "status", start=False).get("backups") or []
            if any(row.get("place") == "token" and row["state"] in _ASKED_FOR for row in listed):
                return CustodeError(ErrorCode.CANCELLED, requested=f"--on-token {on_token}")
    return CustodeError(ErrorCode.CANCELLED)


@command.subcommand(
    "restore",
    mark(
        "Put an activated backup onto a new token.\n\n"
        "The token becomes your original. Every other copy of this folder is dead afterwards."
    ),
)
@argument("folder", mark("FOLDER"))
@option("--token", required=True, metavar=mark("TOKEN"), text=mark("Serial, label or pkcs11: URI."))
@secret_options("backup-pin", "pin", "so-pin")
@pass_face
def restore(face: Face, folder: str, token: str, secrets: Secrets) -> None:
    """Restore it."""
    params = {"folder": files.absolute(folder), "token": token}
    face.show(call(face, "backup.restore", params, secrets), told.restored)


@command.subcommand(
    "clear",
    mark(
        "Destroy the key of a void backup on its token.\n\n"
        "The token may serve again afterwards. Nothing else on it is touched; a key that is still"
        " good for something is never destroyed."
    ),
)
@argument("token", mark("TOKEN"), required=False)
@option("--yes", is_flag=True, text=mark("Do not ask."))
@secret_options("pin", "so-pin")
@pass_face
def clear(face: Face, token: str | None, yes: bool, secrets: Secrets) -> None:
    """Show which ones, then destroy them."""
    found = call(face, "spare.clear.preview", {"token": token})
    if not yes:
        spare_told.announce_clearing(face, found)
        sure(face, t("Destroy them for good?"), t("The token was not touched."))
    params = {"token": found["token"]}
    face.show(call(face, "spare.clear", params, secrets), spare_told.cleared)
