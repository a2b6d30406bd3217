"""What `custode backup` answers about spare tokens, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custode.locale import lines, moments, outcomes
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face


def created(face: Face, done: Mapping[str, Any]) -> None:
    """The key is on the spare, and registered."""
    face.say(t("The backup was saved."), bold=True, colour="green")
    face.facts(
        [
            (t("Where"), lines.where(done)),
            (t("Backup"), str(done.get("backup_id") or "")),
        ]
    )
    if foreign := done.get("foreign_certificates"):
        names = ", ".join(map(str, foreign))
        face.say(t("The token also carries certificates that are not yours: {names}", names=names))
    face.say(t("Keep the spare token apart from the original."))
    face.say(t("It cannot be used while the original is active."))


def offered(face: Face, spares: list[Mapping[str, Any]]) -> None:
    """Say that a second token is here, which would make the better backup."""
    if spares:
        label, serial = spares[0].get("label") or "–", spares[0].get("serial")
        face.say(
            t("Token “{label}” is plugged in too: a key of its own never leaves it.", label=label)
        )
        command = t("custode backup create --on-token {spare}", spare=serial)
        face.say(t("A backup on it: {command}", command=command))


def activated(face: Face, done: Mapping[str, Any]) -> None:
    """The spare is the original now."""
    face.say(t("The backup is activated: the old original is cancelled for good."))
    face.say(outcomes.original_now(done))
    face.facts([(t("Expires on"), moments.day(done.get("expires_at")))])
    face.say(t("No restore is needed."))
    face.say(t("Make your backup now!"), bold=True, colour="red")
    face.say("  → " + t("custode backup create --to DIR"))


def announce_clearing(face: Face, found: Mapping[str, Any]) -> None:
    """Say which keys would be destroyed."""
    label, serial = found.get("label") or "–", found.get("token")
    face.note(
        t("Keys on token “{label}” ({serial}) that can be destroyed:", label=label, serial=serial)
    )
    for backup in found.get("backups") or []:
        made = moments.day(backup.get("created_at"))
        face.note(
            "  – " + t("of backup {backup}, made on {day}", backup=backup["backup_id"], day=made)
        )
    if found.get("unfinished"):
        face.note("  – " + t("of a backup that was never finished"))


def cleared(face: Face, done: Mapping[str, Any]) -> None:
    """They are gone, as far as the token lets go of keys."""
    if done.get("kept"):
        face.say(t("The token cannot destroy a key. It will never be certified: it is of no use."))
    else:
        face.say(t("Destroyed. The token may serve again."))
