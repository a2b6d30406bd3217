"""`custode token`: the tokens that are here or were seen, and their PINs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custode.cli.command import TOKEN, argument, make_group, option, pass_face
from custode.cli.face import sure
from custode.cli.modules_told import all_well, driver_lines
from custode.cli.secret_options import Secrets, secret_options
from custode.cli.session import call
from custode.locale import outcomes
from custode.locale.catalogue import mark, t
from custode.locale.lines import token_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face


@make_group(
    "token",
    mark("Tokens: list them, give a new one its PIN, change or unblock a PIN, forget one."),
)
def command() -> None:
    """Hold the subcommands."""


@command.subcommand("list", mark("The tokens that are inserted, and those Custode knows."))
@pass_face
def list_(face: Face) -> None:
    """Show them."""
    face.show(call(face, "token.list"), _tell_list)


def _tell_list(face: Face, found: Any) -> None:
    rows = found.get("tokens", []) if isinstance(found, dict) else found
    if not rows:
        face.say(t("No token is inserted and none is known. Insert yours."))
    for row in rows:
        through = t("through {module}", module=row["module"]) if row.get("module") else ""
        face.say(", ".join(part for part in (token_line(row), through) if part))
    told = found if isinstance(found, dict) else {}
    if not all_well(told):
        for line in driver_lines(told):
            face.note(t("Driver: {line}", line=line))


@command.subcommand(
    "init",
    mark(
        "Give a new token its label and its PIN.\n\n"
        "Needs the administrator PIN (SO PIN) the token came with; a TPM came with none: choose it"
        " now. A token that already has a PIN is refused and stays as it is."
    ),
)
@option("--token", metavar=mark("TOKEN"), text=TOKEN)
@option("--label", metavar=mark("TEXT"), text=mark("The name the token is to have."))
@secret_options("so-pin", "new-pin")
@pass_face
def init(face: Face, token: str | None, label: str | None, secrets: Secrets) -> None:
    """Initialise it."""
    params = {"serial": token, "label": label}
    face.show(call(face, "token.init", params, secrets), _tell_init)


def _tell_init(face: Face, done: Mapping[str, Any]) -> None:
    face.say(outcomes.pin_given(done))
    face.say(t("Next: make your key on it with custode csr --out FILE.csr"))


@command.subcommand(
    "forget",
    mark(
        "Forget a token.\n\n"
        "Only Custode's own note of it is removed; nothing on the token is changed. The token that"
        " carries your active certificate is forgotten only with --yes."
    ),
)
@argument("token", mark("TOKEN"))
@option("--yes", is_flag=True, text=mark("Do not ask."))
@pass_face
def forget(face: Face, token: str, yes: bool) -> None:
    """Remove our record of it."""
    if not yes:
        sure(face, t("Forget token {token}?", token=token), t("Nothing was forgotten."))
    params = {"serial": token, "in_use": yes or None}
    face.show(call(face, "token.forget", params), _tell_forget)


def _tell_forget(face: Face, done: Mapping[str, Any]) -> None:
    face.say(t("Forgotten. What is on the token was not touched."))
    if done.get("pin_failures") or done.get("so_pin_failures"):
        face.say(
            t(
                "Custode had counted wrong PINs there, and does not know of them any more: take"
                " care, the token does."
            )
        )


@make_group(
    "pin",
    mark(
        "The PINs of a token: change one, unblock one.\n\n"
        "Each PIN is typed once and sent once. The attempts left are asked of the token before;"
        " its last one is used only with --use-last-attempt."
    ),
)
def pin() -> None:
    """Hold the subcommands."""


command.add_command(pin)


@pin.subcommand(
    "change",
    mark(
        "Change the PIN of a token.\n\n"
        "Needs the PIN it has now; keys and certificates stay as they are. With --so the"
        " administrator PIN (SO PIN, PUK) is changed instead."
    ),
)
@option("--token", metavar=mark("TOKEN"), text=TOKEN)
@option("--so", is_flag=True, text=mark("Change the administrator PIN (SO PIN, PUK)."))
@secret_options("pin", "so-pin", "new-pin")
@pass_face
def change(face: Face, token: str | None, so: bool, secrets: Secrets) -> None:
    """Change it."""
    params = {"token": token, "so": so}
    face.show(call(face, "token.pin.change", params, secrets), _tell_change)


def _tell_change(face: Face, done: Mapping[str, Any]) -> None:
    face.say(outcomes.pin_changed(done))


@pin.subcommand(
    "unblock",
    mark(
        "Set a new PIN in place of one that is locked or forgotten.\n\n"
        "Needs the token's administrator PIN (SO PIN, PUK); keys and certificates stay as they are."
        " A token that cannot do this says so (exit status 31)."
    ),
)
@option("--token", metavar=mark("TOKEN"), text=TOKEN)
@secret_options("so-pin", "new-pin")
@pass_face
def unblock(face: Face, token: str | None, secrets: Secrets) -> None:
    """Unblock it."""
    face.show(call(face, "token.pin.unblock", {"token": token}, secrets), _tell_unblock)


def _tell_unblock(face: Face, done: Mapping[str, Any]) -> None:
    face.say(outcomes.pin_unblocked(done))
