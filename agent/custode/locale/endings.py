"""What a report, a cancellation or a re-issue ends, told before it is done and afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from custode.locale import moments, words
from custode.locale.catalogue import t, tn
from custode.locale.lines import backup_line, backup_named, certificate_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    Row = Mapping[str, Any]


class Part(NamedTuple):
    """A sentence, and the certificates or backups that it is about."""

    text: str
    rows: tuple[str, ...] = ()


def report_effect(certificate: Row, reason: str) -> str:
    """What becomes of the certificate; nothing where a report changes no more."""
    if certificate.get("state") not in {"active", "suspended"}:
        return ""
    if reason == "theft":
        return t("The certificate will be cancelled at once. This cannot be undone.")
    if certificate["state"] == "active":
        return t("The certificate will be suspended at once: nobody can use it any more.")
    return ""


def report_ends(seen: Row) -> list[Part]:
    """Name the backups that end with it, and the certificates that came out of them."""
    backups, certificates = seen.get("backups") or [], seen.get("certificates") or []
    parts = []
    if backups:
        rows = tuple(map(backup_named, backups))
        parts.append(Part(t("These backups become void for good:"), rows))
    if certificates:
        rows = tuple(map(certificate_line, certificates))
        what = t("These certificates came out of such a backup, and are cancelled for good:")
        parts.append(Part(what, rows))
    return parts


def reported(done: Row) -> str:
    """What the certificate is now."""
    state = words.word(words.CERTIFICATE, done.get("state"))
    return t("Reported. The certificate is now: {state}.", state=state)


def ended_by_report(done: Row) -> list[str]:
    """What else ended with it."""
    lines = [
        t("Backup {backup} is no longer valid.", backup=backup_named(backup))
        for backup in done.get("retired") or []
    ]
    lines += [
        t("Certificate {operation}, which came out of it, was cancelled.", operation=operation)
        for operation in done.get("cancelled_successors") or []
    ]
    lines += [
        t("Request {operation} was rejected.", operation=operation)
        for operation in done.get("rejected_requests") or []
    ]
    return lines


def usable(done: Row) -> list[str]:
    """Which backups are left."""
    backups = done.get("usable") or []
    if not backups:
        return [t("There is no backup that could be used.")]
    return [
        t("Backup that can be used: {backup}", backup=backup_named(backup)) for backup in backups
    ]


def cancellation(seen: Row) -> Part:
    """Say what would be cancelled."""
    covered = seen.get("covered") or []
    text = tn(
        "{n} certificate will be cancelled, for good:",
        "{n} certificates will be cancelled, for good:",
        len(covered),
    )
    return Part(text, tuple(map(cancelled_row, covered)))


def cancellation_why(seen: Row) -> list[str]:
    """Give the reason; and why so much is taken in."""
    lines = [t("Reason: {reason}", reason=words.word(words.REASON, seen.get("reason")))]
    if seen.get("cumulative"):
        lines.append(
            t("This is your first cancellation: it takes in all your active certificates at once.")
        )
    return lines


def cancelled_row(row: Row) -> str:
    """One certificate, as a cancellation names it."""
    day = moments.day(row.get("expires_at"))
    parts = [str(row.get("id_operazione") or ""), str(row.get("file_name") or "")]
    if day:
        parts.append(t("valid until {day}", day=day))
    return ", ".join(part for part in parts if part)


def cancelled(done: Row) -> Part:
    """What was cancelled."""
    covered = done.get("covered") or []
    text = tn(
        "{n} certificate was cancelled (IdOperazione {operation}).",
        "{n} certificates were cancelled (IdOperazione {operation}).",
        len(covered),
        operation=done.get("id_operazione") or "–",
    )
    return Part(text, tuple(map(cancelled_row, covered)))


def reissue_goes_on(seen: Row) -> str:
    """Say whether it was begun before."""
    if not seen.get("goes_on"):
        return ""
    return t("This re-issue was begun before; it goes on from where it was.")


def reissue_erases(seen: Row) -> list[str]:
    """Say what is lost on the token."""
    if not seen.get("resets"):
        return []
    label, serial = seen.get("label") or "–", seen.get("token") or "–"
    keys = int(seen.get("keys") or 0)
    return [
        t("Token “{label}” (serial {serial}) is erased.", label=label, serial=serial),
        tn("{n} key on it is lost.", "{n} keys on it are lost.", keys),
    ]


def reissue_gives_up(seen: Row) -> Part:
    """Name the certificates and the backups that end."""
    rows = [certificate_line(row) for row in seen.get("certificates") or []]
    rows += [backup_line(row) for row in seen.get("backups") or []]
    return Part(t("Given up for good:"), tuple(rows))
