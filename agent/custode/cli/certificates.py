"""`custode certificates`: the requests and certificates, as on the agency's page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custode.cli.command import make_command, pass_face
from custode.cli.session import call
from custode.locale import moments, words
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face


@make_command("certificates", mark("Your requests and certificates, with their states and dates."))
@pass_face
def command(face: Face) -> None:
    """Show them."""
    face.show(call(face, "certificates.list"), _tell)


def _tell(face: Face, found: Mapping[str, Any]) -> None:
    rows = found.get("certificates") or []
    if not rows:
        face.say(t("There is no request yet. Next: custode csr --out FILE.csr"))
        return
    face.table(
        ("IdOperazione", t("File"), t("State"), t("Requested on"), t("Expires on"), t("Outcome")),
        [
            (
                str(row.get("id_operazione") or ""),
                str(row.get("file_name") or ""),
                words.word(words.CERTIFICATE, row.get("state")),
                moments.day(row.get("requested_at")),
                moments.day(row.get("expires_at")),
                str(row.get("outcome") or ""),
            )
            for row in rows
        ],
    )
