"""`custode status`: everything at a glance, the most urgent first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from custode.cli.command import make_command, pass_face
from custode.cli.failure import reason_lines, tell_gate
from custode.cli.modules_told import driver_lines
from custode.cli.session import call
from custode.locale import moments, words
from custode.locale.catalogue import mark, t
from custode.locale.lines import backup_line, certificate_line, token_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face


@make_command(
    "status",
    mark(
        "Tokens, certificate, backups, what is pending.\n\n"
        "Also says whether a backup may be used now and why not, and which driver cannot work."
    ),
)
@pass_face
def command(face: Face) -> None:
    """Show it."""
    face.show(call(face, "status"), tell)


def tell(face: Face, found: Mapping[str, Any]) -> None:
    """Tell the answer of the agent in sentences."""
    _needs(face, found.get("needs") or [])
    if (at := (found.get("agent") or {}).get("rolled_back_at")) is not None:
        face.say(
            t(
                "On {day} this agent's database was found to be older than its audit log: it was"
                " put back. What the log says is over was closed again; nothing was opened.",
                day=moments.day(at),
            )
        )
        face.say()
    identity = found.get("identity")
    face.facts(
        [
            (t("Identity"), _identity(identity) if identity else t("not set yet")),
            *((t("Token"), token_line(row)) for row in found.get("tokens") or []),
            *((t("Certificate"), certificate_line(row)) for row in _alive(found, "certificates")),
            *((t("Backup"), backup_line(row)) for row in _alive(found, "backups")),
            *((t("Driver"), line) for line in driver_lines(found)),
            (t("Authority"), _authority(found.get("authority") or {})),
        ]
    )
    face.say()
    _backups(face, found)


def _needs(face: Face, needs: list[dict[str, Any]]) -> None:
    for row in needs:
        title, action = words.need(row)
        face.say(title, bold=True, colour="red" if row.get("need") == "backup_missing" else None)
        if action:
            face.say(f"  → {action}")
        if (until := row.get("snoozed_until")) is not None:
            face.say("  " + t("You will be reminded on {when}.", when=moments.minute(until)))
    if needs:
        face.say()


def _identity(identity: Mapping[str, Any]) -> str:
    parts = (identity.get("name"), identity.get("codice_fiscale"), identity.get("code"))
    return " · ".join(str(part) for part in parts if part)


_OVER: Final = frozenset({"cancelled", "rejected", "retired", "restored"})


def _alive(found: Mapping[str, Any], what: str) -> list[dict[str, Any]]:
    """Leave out what is over, unless nothing else is there: then the last one."""
    rows: list[dict[str, Any]] = list(found.get(what) or [])
    return [row for row in rows if row.get("state") not in _OVER] or rows[-1:]


_WAITED_FOR: Final = frozenset({"requested", "approved"})


def _backups(face: Face, found: Mapping[str, Any]) -> None:
    """Say how the backups stand; every reason of the gate only when one is about to be used."""
    backups, certificates = found.get("backups") or [], found.get("certificates") or []
    states = {row.get("state") for row in backups}
    live = {row.get("state") for row in certificates}
    gate = found.get("gate") or {}
    if "collected" in states:
        _activated(face, next(b for b in backups if b.get("state") == "collected"), gate)
    elif (
        gate.get("allowed")
        or states & _WAITED_FOR
        or (states & _READY and ("active" not in live or "suspended" in live))
    ):
        tell_gate(face, gate)
    elif states & _READY:
        ready = t("The backup is ready, and stays closed while the original is active.")
        everything = t(
            "All is well: the backup is ready, and stays closed while the original is active."
        )
        seen = (found.get("readers") or {"ok": True}).get("ok")
        changed = (found.get("config") or {}).get("modules_changed")
        well = not found.get("needs") and not changed and seen
        face.say(everything if well else ready, colour="green" if well else None)
    elif certificates and live <= _OVER:
        face.say(t("For a new certificate: custode csr --out FILE.csr"))


_READY: Final = frozenset({"registered"})
_HERE: Final = frozenset({"original_present", "token_not_identified", "token_unreadable"})


def _activated(face: Face, backup: Mapping[str, Any], gate: Mapping[str, Any]) -> None:
    if backup.get("place") == "token":
        serial = (backup.get("token") or {}).get("serial")
        named = f"--on-token {serial}" if serial else str(backup["backup_id"])
        command = t(words.GO_ON["spare.activate"], named=named, reason=t("REASON"))
    else:
        folder = backup.get("folder_path") or backup.get("folder_name") or t("FOLDER")
        command = t(words.GO_ON["backup.restore"], folder=folder)
    face.say(t("The backup is activated. Now: {command}", command=command), bold=True)
    here = [r for r in gate.get("reasons") or [] if r.get("code") in _HERE]
    for line in reason_lines({"reasons": here}):
        face.say(line)


def _authority(row: Mapping[str, Any]) -> str:
    mode = t("on this computer") if row.get("mode") == "embedded" else row.get("url") or ""
    parts = [str(mode)]
    if row.get("mode") == "embedded" and row.get("running") is not None:
        parts.append(t("running") if row["running"] else t("not running"))
    if row.get("reachable") is False:
        parts.append(t("cannot be reached"))
    return ", ".join(parts)
