"""What `custode backup` answers about spare tokens, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custode.locale import moments, outcomes
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face


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
