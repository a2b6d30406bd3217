"""What came of a procedure, in the sentences that commands and windows share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from custode.locale import moments, words
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    Done = Mapping[str, Any]

INSTALLED: Final = mark(
    "The certificate is on the token, and the token has proved that its key fits."
)
RENEWED: Final = mark("Renewed. The new certificate is on the token and has proved itself.")
BACK_UP_NOW: Final = mark("Make your backup now!")
REFUSED: Final = mark("The portal refused the request. No certificate was issued.")
UNNOTICED: Final = mark("Whoever has the token and its PIN can then take a copy of it, unnoticed.")
WITHOUT_PERSONAL_DATA: Final = mark("Report written, without personal data: {path}")


def certificate(done: Done) -> list[tuple[str, str]]:
    """Name the certificate that is there now."""
    return [
        ("IdOperazione", str(done.get("id_operazione") or "")),
        (t("Token"), str(done.get("label") or done.get("token") or "")),
        (t("Expires on"), moments.day(done.get("expires_at"))),
    ]


def original_now(done: Done) -> str:
    """A backup's key is on a token, which has taken the original's place."""
    token = done.get("label") or done.get("token") or done.get("serial") or "–"
    return t("Token “{token}” is your original now; it has proved that its key works.", token=token)


def requested(row: Done) -> list[tuple[str, str]]:
    """One request, as the columns of the agency's page."""
    return [
        ("IdOperazione", str(row.get("id_operazione") or "")),
        (t("File"), str(row.get("file_name") or "")),
        (t("State"), words.word(words.CERTIFICATE, row.get("state"))),
        (t("Requested on"), moments.day(row.get("requested_at"))),
        (t("Expires on"), moments.day(row.get("expires_at"))),
        (t("Outcome"), str(row.get("outcome") or "")),
    ]


def old_one(done: Done) -> list[str]:
    """What became of the certificate that was renewed."""
    state = words.word(words.CERTIFICATE, done.get("old_state"))
    lines = [
        t("The old certificate {operation} is now: {state}.", operation=done["old"], state=state)
    ]
    if "certificate" in (done.get("old_on_token") or []):
        lines.append(t("The token could not let go of the old certificate: it still lies there."))
    return lines


def ended_backups(done: Done) -> list[str]:
    """Name the backups that ended with it."""
    ended = done.get("retired_backups") or []
    return [t("Backup {backup} is no longer valid.", backup=backup) for backup in ended]


def pin_given(done: Done) -> str:
    """A new token has its PIN."""
    return t("Token “{label}” (serial {serial}) has its PIN now.", **_token(done))


def pin_changed(done: Done) -> str:
    """A PIN is another one."""
    return t(
        "The {role} of token “{label}” (serial {serial}) is changed. The old one is no longer"
        " valid.",
        role=words.word(words.ROLE, done.get("role")),
        **_token(done),
    )


def pin_unblocked(done: Done) -> str:
    """A PIN was set in place of the one that was locked or forgotten."""
    return t("Token “{label}” (serial {serial}) has a new PIN now.", **_token(done))


def _token(done: Done) -> dict[str, str]:
    return {"label": done.get("label") or "–", "serial": done.get("serial") or "–"}
