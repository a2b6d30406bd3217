"""`custode install`: the certificate goes onto the token that holds its key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custode import files
from custode.cli.command import TOKEN, argument, make_command, option, pass_face
from custode.cli.secret_options import Secrets, secret_options
from custode.cli.session import call
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale import outcomes
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face


@make_command(
    "install",
    mark(
        "Put the certificate onto the token that holds its key.\n\n"
        "Without an argument: the one that is waiting. The token then proves with a fresh signature"
        " that key and certificate belong together."
    ),
)
@argument("file", mark("[FILE]"), required=False)
@option("--operation", metavar="ID", text=mark("The IdOperazione of the request."))
@option("--token", metavar=mark("TOKEN"), text=TOKEN)
@secret_options("pin", "so-pin")
@pass_face
def command(
    face: Face, file: str | None, operation: str | None, token: str | None, secrets: Secrets
) -> None:
    """Install it."""
    if file is not None and operation is not None:
        what = t("Give either --operation or a file, not both.")
        raise CustodeError(ErrorCode.USAGE, what=what)
    params = {
        "operation": operation,
        "certificate": None if file is None else files.read_certificate(file),
        "token": token,
    }
    face.show(call(face, "install", params, secrets), _tell)


def _tell(face: Face, done: Mapping[str, Any]) -> None:
    face.say(t(outcomes.INSTALLED))
    face.facts(outcomes.certificate(done))
    face.say(t("Next: make your backup with custode backup create --to DIR"))
