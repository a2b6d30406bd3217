"""What `custode backup` answers, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from custode.cli.failure import tell_gate
from custode.locale import backup_lines, backup_words, lines, moments, outcomes, words
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face


def created(face: Face, done: Mapping[str, Any]) -> None:
    """The "saved" message: where it is, and what to do now."""
    face.say(t(backup_lines.SAVED), bold=True, colour="green")
    face.facts(backup_lines.saved_facts(done))
    for line in backup_lines.saved_advice(done):
        face.say(line)
    if done.get("kind") == "copy":
        face.say(t("For a loss or a theft: custode backup create --kind successor --to DIR"))
    if (spare := backup_lines.spare_at_hand(done)) is not None:
        serial, told = spare
        face.say(told)
        command = t("custode backup create --on-token {spare}", spare=serial)
        face.say(t("A backup on it: {command}", command=command))


def named(backup: Mapping[str, Any]) -> str:
    """What a backup is called: by its folder, its token, or its id."""
    if backup.get("place") == "token":
        return f"{backup['backup_id']} ({lines.where(backup)})"
    return str(backup.get("folder") or backup["backup_id"])


def listed(face: Face, found: Any) -> None:
    """The table of backups."""
    rows = found.get("backups", []) if isinstance(found, dict) else found
    if not rows:
        face.say(t("There is no backup yet. Next: custode backup create --to DIR"))
        return
    face.table(
        (t("Backup"), t("Where"), t("Kind"), t("State"), t("Made on")),
        [
            (
                str(row.get("backup_id") or ""),
                lines.where(row),
                words.word(backup_words.KIND, row.get("kind")),
                words.word(words.BACKUP, row.get("state")),
                moments.day(row.get("created_at")),
            )
            for row in rows
        ],
    )


def shown(face: Face, found: Mapping[str, Any]) -> None:
    """What the manifest says, and whether the gate stands open."""
    face.facts(backup_lines.seen_facts(found))
    if gate := found.get("gate"):
        tell_gate(face, gate)


def verified(face: Face, found: Mapping[str, Any]) -> None:
    """The folder is as it was made."""
    whole, of_no_use = backup_lines.verified(found)
    face.say(whole)
    if of_no_use:
        face.say(of_no_use, colour="red")
    shown(face, found)


def announce_signer(face: Face, signer: Mapping[str, Any] | None) -> None:
    """Say which token has to be plugged in, before anybody is asked anything."""
    if signer is None:
        face.note(t("Only a token with an active certificate can sign this, and there is none."))
    elif not signer.get("present"):
        face.note(lines.plug_in(signer))


def retired(face: Face, _done: Any) -> None:
    """The backup is dead."""
    face.say(t("That backup is void now. The original was not touched."))
    face.say(t("If it was your only one: custode backup create --to DIR"))


_WOULD: Final[Mapping[str, str]] = {
    "import_key": mark("put the key onto a new token, from which it cannot be taken again"),
    "install_certificate": mark("put its certificate beside it"),
    "confirm_restored": mark("tell the authority; every other copy of this folder is dead then"),
}


def opened(face: Face, found: Mapping[str, Any]) -> None:
    """It works; nothing was written."""
    face.say(t("The backup opens, and its key has proved that it works. Nothing was written."))
    face.facts(
        [
            (t("Backup"), str(found.get("backup_id") or "")),
            (t("Expires on"), moments.day(found.get("expires_at"))),
        ]
    )
    if would := found.get("would"):
        face.say(t("What restore would do:"))
        for step in would:
            face.say(f"  – {words.word(_WOULD, step)}")
    face.say(t("Next: custode backup restore FOLDER --token SERIAL"))


def activated(face: Face, done: Mapping[str, Any]) -> None:
    """The original has ended, the successor's certificate exists."""
    face.say(t("The backup is activated: the old original is cancelled for good."))
    face.facts([(t("Expires on"), moments.day(done.get("expires_at")))])
    face.say(t("Next: custode backup restore FOLDER --token SERIAL"))


def restored(face: Face, done: Mapping[str, Any]) -> None:
    """The token is the original now."""
    face.say(outcomes.original_now(done))
    face.say(t("Every other copy of the backup's folder is dead."))
    face.say(t("Make your backup now!"), bold=True, colour="red")
    face.say("  → " + t("custode backup create --to DIR"))
