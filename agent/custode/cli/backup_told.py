"""What `custode backup` answers, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from custode.cli import spare_told
from custode.cli.failure import tell_gate
from custode.locale import backup_words, lines, moments, outcomes, words
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face


_OVER: Final = frozenset({"locked", "retired", "restored"})


def created(face: Face, done: Mapping[str, Any]) -> None:
    """The "saved" message: name and path of the folder."""
    face.say(t("The backup was saved."), bold=True, colour="green")
    face.facts(
        [
            (t("Folder"), str(done.get("folder") or "")),
            (t("Path"), str(done.get("path") or "")),
            (t("Files"), ", ".join(map(_file_name, done.get("files") or []))),
            (t("Backup"), str(done.get("backup_id") or "")),
        ]
    )
    face.say(t("Keep the folder apart from the token, and its PIN apart from both."))
    face.say(t("It cannot be used while the original is active."))
    if done.get("kind") == "copy":
        face.say(t("It holds the original's own key: it serves after a fault, not after a loss."))
        face.say(t("For a loss or a theft: custode backup create --kind successor --to DIR"))
    spare_told.offered(face, done.get("spare_at_hand") or [])


def named(backup: Mapping[str, Any]) -> str:
    """What a backup is called: by its folder, its token, or its id."""
    if backup.get("place") == "token":
        return f"{backup['backup_id']} ({lines.where(backup)})"
    return str(backup.get("folder") or backup["backup_id"])


def _file_name(file: Any) -> str:
    return str(file.get("name", "")) if isinstance(file, dict) else str(file)


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
    path = found.get("path")
    place = (t("Path"), str(path)) if path else (t("Where"), lines.where(found))
    face.facts(
        [
            place,
            (t("Backup"), str(found.get("backup_id") or "")),
            (t("Kind"), words.word(backup_words.KIND, found.get("kind"))),
            (t("State"), words.word(words.BACKUP, found.get("state"))),
            (t("Identity code"), str(found.get("identity_code") or "")),
            (t("Made on"), moments.minute(found.get("created_at"))),
            (t("Authority"), str(found.get("authority_name") or "")),
        ]
    )
    if gate := found.get("gate"):
        tell_gate(face, gate)


def verified(face: Face, found: Mapping[str, Any]) -> None:
    """The folder is as it was made."""
    face.say(t("The backup is whole, and it was signed by your own original."))
    if found.get("state") in _OVER:
        face.say(t("It can never be activated any more: make a new one."), colour="red")
    elif not found.get("registered"):
        face.say(t("The authority does not know it: it cannot be activated."), colour="red")
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
