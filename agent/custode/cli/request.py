"""`custode request`: the request goes to the portal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from custode import files
from custode.cli.command import make_command, option, pass_face
from custode.cli.secret_options import Secrets, secret_options
from custode.cli.session import call
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale import outcomes
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face

_COMING: Final = frozenset({"requested", "generating"})


@make_command(
    "request",
    mark(
        "Send the request to the portal.\n\n"
        "Without --csr the request made last is sent. The same request sent twice gives the same"
        " IdOperazione: nothing is asked for twice."
    ),
)
@option("--csr", metavar=mark("FILE.csr"), text=mark("The request (PKCS#10, PEM)."))
@option("--wait", is_flag=True, text=mark("Wait until the certificate has been generated."))
@secret_options("pin")
@pass_face
def command(face: Face, csr: str | None, wait: bool, secrets: Secrets) -> int:
    """Send it; while the portal is still generating the answer is there, and so is status 23."""
    params: dict[str, Any] = {"wait": wait}
    if csr is not None:
        params |= {"csr": files.read_pem(csr), "file_name": Path(csr).name}
    row = call(face, "request.create", params, secrets)
    face.show(row, tell)
    return CustodeError(ErrorCode.STILL_GENERATING).exit if row.get("state") in _COMING else 0


def tell(face: Face, row: Mapping[str, Any]) -> None:
    """Tell one operation, and what comes next."""
    face.facts(outcomes.requested(row))
    match row.get("state"):
        case "active" if not row.get("installed"):
            face.say(t("The certificate is ready. Next: custode install"))
        case state if state in _COMING:
            face.say(t("The portal is generating it. Nothing is lost if you close Custode."))
            face.say(t("Look again later with custode certificates"))
        case "rejected":
            face.say(t(outcomes.REFUSED))
        case _:
            pass
