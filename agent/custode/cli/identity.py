"""`custode identity`: who the certificate is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custode.cli.command import make_group, option, pass_face
from custode.cli.secret_options import Secrets, secret_options
from custode.cli.session import call
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale import whose
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face


@make_group("identity", mark("Who the certificate is for."))
def command() -> None:
    """Hold the subcommands."""


@command.subcommand(
    "set",
    mark(
        "Say who the certificate is for, and open the account with the authority.\n\n"
        "The account gets a password of its own: it is asked when you report a loss, so it must"
        " not be the token's PIN."
    ),
)
@option("--code", required=True, metavar=mark("CODE"), text=mark("Your identity code."))
@option(
    "--codice-fiscale",
    required=True,
    metavar="CF",
    text=mark("Your codice fiscale: the name on the certificate."),
)
@option("--name", metavar=mark("TEXT"), text=mark("Your name, for the texts on screen."))
@option("--mail", metavar=mark("TEXT"), text=mark("Where the authority may write to you."))
@secret_options("password")
@pass_face
def set_(
    face: Face,
    code: str,
    codice_fiscale: str,
    name: str | None,
    mail: str | None,
    secrets: Secrets,
) -> None:
    """Record it."""
    params = {
        "code": _shaped(code, whose.code_fault(code)),
        "codice_fiscale": _shaped(codice_fiscale, whose.shape_fault(codice_fiscale)),
        "name": name,
        "mail": mail,
    }
    face.show(call(face, "identity.set", params, secrets), _tell_set)


def _shaped(text: str, fault: str) -> str:
    """`text` in capitals, as the wire wants it.

    :raises CustodeError: USAGE when it is not of that shape
    """
    if fault:
        raise CustodeError(ErrorCode.USAGE, what=fault)
    return whose.written(text)


def _tell_set(face: Face, identity: Mapping[str, Any]) -> None:
    face.say(t("Recorded, and the account is open."))
    _facts(face, identity)
    face.say(t("Next: make your key on the token with custode csr --out FILE.csr"))


@command.subcommand("show", mark("Show who the certificate is for."))
@pass_face
def show(face: Face) -> None:
    """Show it."""
    face.show(call(face, "identity.show"), _tell_show)


def _tell_show(face: Face, identity: Mapping[str, Any] | None) -> None:
    if not identity:
        face.say(t("not set yet"))
        return
    _facts(face, identity)


def _facts(face: Face, identity: Mapping[str, Any]) -> None:
    face.facts(
        [
            (t("Name"), str(identity.get("name") or "")),
            (t("Codice fiscale"), str(identity.get("codice_fiscale") or "")),
            (t("Identity code"), str(identity.get("code") or "")),
            (t("Mail"), str(identity.get("mail") or "")),
        ]
    )
