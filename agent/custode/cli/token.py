"""`custode token`: the tokens that are here or were seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custode.cli.command import argument, make_group, option, pass_face
from custode.cli.face import sure
from custode.cli.secret_options import Secrets, secret_options
from custode.cli.session import call
from custode.cli.status import driver_lines, token_line
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face


@make_group("token", mark("Tokens: list them, give a new one its PIN, forget one."))
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
        face.say(token_line(row))
    told = found if isinstance(found, dict) else {}
    if not all(row.get("ok") for row in told.get("drivers") or [{}]) or (
        (told.get("config") or {}).get("modules_changed")
    ):
        for line in driver_lines(told):
            face.note(t("Driver: {line}", line=line))


@command.subcommand(
    "init",
    mark(
        "Give a new token its label and its PIN.\n\n"
        "Needs the administrator PIN (SO PIN) the token came with. A token that already has a PIN"
        " is refused and stays as it is."
    ),
)
@option("--token", metavar=mark("TOKEN"), text=mark("Serial or label; not needed for just one."))
@option("--label", metavar=mark("TEXT"), text=mark("The name the token is to have."))
@secret_options("so-pin", "new-pin")
@pass_face
def init(face: Face, token: str | None, label: str | None, secrets: Secrets) -> None:
    """Initialise it."""
    params = {"serial": token, "label": label}
    face.show(call(face, "token.init", params, secrets), _tell_init)


def _tell_init(face: Face, done: Mapping[str, Any]) -> None:
    label, serial = done.get("label") or "–", done.get("serial") or "–"
    face.say(t("Token “{label}” (serial {serial}) has its PIN now.", label=label, serial=serial))
    face.say(t("Next: make your key on it with custode csr --out FILE.csr"))


@command.subcommand(
    "forget",
    mark(
        "Forget a token.\n\n"
        "Only Custode's own note of it is removed; nothing on the token is changed."
    ),
)
@argument("token", mark("TOKEN"))
@option("--yes", is_flag=True, text=mark("Do not ask."))
@pass_face
def forget(face: Face, token: str, yes: bool) -> None:
    """Remove our record of it."""
    if not yes:
        sure(face, t("Forget token {token}?", token=token), t("Nothing was forgotten."))
    face.show(call(face, "token.forget", {"serial": token}), _tell_forget)


def _tell_forget(face: Face, _done: Any) -> None:
    face.say(t("Forgotten. What is on the token was not touched."))
